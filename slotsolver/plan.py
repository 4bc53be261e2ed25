"""The answers: :class:`Plan`, :class:`Infeasible`, :class:`Undecided`, as frozen data.

Sizes and addresses are bytes, pool counts are pages. The JSON of these models is the interface.
"""

# Annotations are no text here (no `from __future__ import annotations`): pydantic would compile
# each of them anew, a fifth of the time that importing this module takes.
from typing import Literal

from pydantic import AliasChoices, Field

from slotsolver.fields import Ids, Model, Seldom

DimmState = Literal["present", "plug", "unplug", "plugged", "reserved"]
"""``present`` was there and stays, ``plug`` is added now, ``unplug`` is removed now, ``plugged`` is
there when a new guest boots, ``reserved`` is planned for growth and not plugged now."""


class PlannedCell(Model):
    """Where a cell's boot memory comes from. ``host_nodes`` is empty where there is no host."""

    id: int
    boot: int
    page_size: int
    host_nodes: Ids


class PlannedDimm(Model):
    """A DIMM of the layout: its slot, size, cell, backing and guest-physical address.

    ``stage`` is the index into the guest's ``stages`` at which it is first there (0 is boot).
    """

    slot: int
    size: int
    cell: int
    page_size: int
    host_nodes: Ids
    address: int
    state: DimmState
    stage: int = 0


class Stage(Model):
    """A size the guest must be able to have; ``cells`` are the totals of its cells in bytes."""

    name: str
    memory: int
    cells: tuple[int, ...]


class PlannedVirtioMem(Model):
    """A virtio-mem device: one region of a cell that grows and shrinks in ``block`` steps.

    ``number`` is that of its alias ``virtiomem<number>``, ``size`` its whole region, ``requested``
    what it gives when everything that is to be done now is done, ``before`` what was requested of
    it (``None``: it is new). ``stages`` is what it gives at each of the guest's stages.
    """

    number: int
    cell: int
    size: int
    block: int
    requested: int
    before: int | None = None
    stages: tuple[int, ...]
    page_size: int
    host_nodes: Ids
    address: int
    alias: str | None = None


class Operation(Model):
    """One thing to do on a running guest, in order.

    ``plug`` and ``unplug`` are of a whole DIMM, ``resize`` of a virtio-mem device. ``device`` is
    the alias (``dimm<slot>``, with a number behind where something else has that name;
    ``virtiomem<number>``; or what the guest calls it), ``size`` the DIMM's size or what is to be
    requested of the virtio-mem device, ``memory`` the guest's size afterwards.
    """

    do: Literal["plug", "unplug", "resize"]
    slot: int | None = None
    number: int | None = None
    device: str
    cell: int
    size: int
    memory: int


class PlannedGuest(Model):
    """A guest's whole layout.

    ``memory`` is the total now and ``maximum`` the total with everything plugged (libvirt's
    ``<memory>`` and ``<maxMemory>``), ``slots`` the slot count written, ``block`` the guest OS's
    memory block, ``step`` the largest DIMM of the layout.

    Of a running guest the stages are ``kept`` (boot memory and the devices that stay), ``target``,
    waypoints and ``maximum``; ``wanted`` is the target asked for, and ``stranded`` what of the
    growth to ``maximum`` can no longer be reached (bytes). ``departures`` says where the plan
    leaves the growth that was planned once.
    """

    name: str
    memory: int
    maximum: int
    slots: int
    block: int
    step: int
    stages: tuple[Stage, ...]
    cells: tuple[PlannedCell, ...]
    dimms: tuple[PlannedDimm, ...]
    virtio_mem: tuple[PlannedVirtioMem, ...] = ()
    operations: tuple[Operation, ...] = ()
    wanted: int | None = None
    stranded: int = 0
    departures: tuple[str, ...] = ()


class PoolUse(Model):
    """Pages of one pool before the plan and after it; ``promised`` is reserved growth not counted
    in ``free_after`` (pages that a later growth to the maximum will take)."""

    page_size: int
    total: int
    free_before: int
    free_after: int
    promised: int = 0


class NodeUse(Model):
    """The pools of one host node; the base page's pool is the node's ordinary memory."""

    id: int
    pools: tuple[PoolUse, ...]


class HostUse(Model):
    """What the plan takes of the host."""

    nodes: tuple[NodeUse, ...]


class BackedDevice(Model):
    """Where a device's memory comes from on another host: a DIMM by ``slot``, a virtio-mem device
    by ``number``."""

    slot: int | None = None
    number: int | None = None
    page_size: int
    host_nodes: Ids


class DestinationGuest(Model):
    """A guest's backing on another host; slots, sizes and addresses are those of the plan."""

    name: str
    cells: tuple[PlannedCell, ...]
    devices: tuple[BackedDevice, ...]


class Destination(Model):
    """How the planned guests lie on ``also_hosts[host]``, and what they take of it."""

    host: int
    guests: tuple[DestinationGuest, ...]
    use: HostUse


class ObjectiveValue(Model):
    """An objective's value and the proven bound; equal where it is optimal."""

    kind: str
    value: int
    bound: int
    unit: str = ""


class SolverFacts(Model):
    """How the answer was found. Times are not part of what is reproducible."""

    wall_seconds: float
    deterministic_time: float
    version: str


class Plan(Model):
    """An answer that is proven (``optimal``) or good within the time limit (``feasible``)."""

    status: Literal["optimal", "feasible"]
    guests: tuple[PlannedGuest, ...]
    host: HostUse | None
    destinations: tuple[Destination, ...] = ()
    objectives: tuple[ObjectiveValue, ...]
    notes: tuple[str, ...] = ()
    solver: SolverFacts

    def _repr_html_(self) -> str:
        """The plan in a notebook."""
        from slotsolver.export.html import plan_fragment

        return plan_fragment(self)


class PoolFacts(Model):
    """The pool that a rule is about: ``free`` are pages."""

    node: int
    page_size: int
    free: int


class Conflict(Seldom):
    """A rule that takes part in the contradiction, and what it says."""

    rule: str
    says: str
    pool: PoolFacts | None = None


class Remedy(Seldom):
    """A change that makes the problem feasible. ``from_`` is written as ``from``.

    ``smallest`` says that less of it is known not to help. ``command`` carries it out, where it is
    one thing that a program does.
    """

    change: str
    from_: str = Field(validation_alias=AliasChoices("from", "from_"), serialization_alias="from")
    to: str
    says: str
    command: str = ""
    smallest: bool = True


class Unhelpful(Seldom):
    """A number of which no change alone makes the problem feasible. ``from_`` is written as
    ``from``."""

    change: str
    from_: str = Field(validation_alias=AliasChoices("from", "from_"), serialization_alias="from")
    says: str


class Infeasible(Seldom):
    """No plan exists: proven.

    ``conflict`` are rules that contradict each other; ``further`` conflicts share no rule with it
    or with each other. ``irreducible`` says that of every member it is known that without it the
    others would not contradict each other. Each of the ``remedies`` alone makes the problem
    feasible, those that cost least first; where none does, all of those in ``together`` do.
    ``complete`` is false where the search for them was ended early.
    """

    status: Literal["infeasible"] = "infeasible"
    conflict: tuple[Conflict, ...]
    further: tuple[tuple[Conflict, ...], ...] = ()
    irreducible: bool = True
    remedies: tuple[Remedy, ...] = ()
    together: tuple[Remedy, ...] = ()
    unhelpful: tuple[Unhelpful, ...] = ()
    complete: bool = True

    def _repr_html_(self) -> str:
        """Why there is no plan, in a notebook."""
        from slotsolver.export.html import answer_fragment

        return answer_fragment(self)


class Undecided(Seldom):
    """Neither a plan nor a proof within the limits."""

    status: Literal["undecided"] = "undecided"
    seconds: float
    says: str


class Effect(Seldom):
    """An objective's value in the plan, and what it is under another condition (``then``).

    ``proven`` says that both are known to be the least there can be.
    """

    kind: str
    value: int
    then: int
    unit: str = ""
    proven: bool = True


class Binding(Seldom):
    """Whether a rule holds the plan back.

    It ``binds`` if without it some objective is better, the first one that differs counts; ``None``
    says that this is not known. ``effects`` are all objectives that differ then, in their order:
    the first one is what would be gained.
    It is ``tight`` if the plan uses all that the rule's number gives: with one unit less (a slot, a
    page, a step of the DIMMs' sizes) this plan would break it. ``None`` says that it has no such
    number. ``uses`` says with numbers what is used up.
    ``group`` numbers rules about pools that are alike, so that what holds for one holds for all.
    """

    rule: str
    says: str
    pool: PoolFacts | None = None
    binds: bool | None
    effects: tuple[Effect, ...] = ()
    tight: bool | None = None
    uses: str = ""
    group: int


class Elsewhere(Seldom):
    """What would be if a cell lay on one of ``host_nodes`` instead (they are alike).

    ``outcome`` is ``impossible`` (then ``conflict`` has rules that forbid it, none of which can be
    spared), ``worse`` or ``better`` by the first of ``effects``, ``as-good`` or, where that is not
    known, ``open``. ``better`` there is only beside a plan that is not proven to be the best.
    """

    host_nodes: Ids
    outcome: Literal["impossible", "worse", "as-good", "better", "open"]
    says: str
    effects: tuple[Effect, ...] = ()
    conflict: tuple[Conflict, ...] = ()


class Placing(Seldom):
    """Why cells of a guest lie where they lie: ``cells`` are alike and all on ``host_nodes``.
    ``bound`` says what leaves them no choice; else ``elsewhere`` has every other host node."""

    guest: str
    cells: Ids
    host_nodes: Ids
    bound: str = ""
    elsewhere: tuple[Elsewhere, ...] = ()


class Explanation(Seldom):
    """A plan and what makes it what it is: ``rules`` that hold it back or do not, and ``places``,
    why each cell lies where it lies. ``complete`` is false where the search for that was ended
    early; what is missing then was not asked about."""

    status: Literal["explained"] = "explained"
    plan: Plan
    rules: tuple[Binding, ...] = ()
    places: tuple[Placing, ...] = ()
    complete: bool = True
