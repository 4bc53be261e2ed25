"""The base of policies and objectives; :mod:`slotsolver.kinds` knows them all by ``kind``.

A policy is one class in one module of :mod:`slotsolver.constraints`: its fields are its line of
YAML, its methods its rows in the model. An objective likewise in :mod:`slotsolver.objectives`.
Other distributions add theirs by entry points of the groups ``slotsolver.policies`` and
``slotsolver.objectives`` (docs/own-rules.md).
Nothing here imports ortools, so a problem can be read and checked without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, ValidationInfo, model_validator

from slotsolver.fields import Ids
from slotsolver.kinds import Declared, is_built_in, read, registry

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel, HostModel, Linear
    from slotsolver.problem import Guest


@dataclass(frozen=True)
class Scope:
    """What the numbers of a policy are measured by (bytes): the smallest step in which the DIMMs of
    the guests that it concerns differ, and the most memory that one of them may have; the host's
    page sizes (bytes) and the ids of its nodes."""

    unit: int
    most: int
    pages: tuple[int, ...] = ()
    nodes: tuple[int, ...] = ()

    def larger(self, size: int) -> range:
        """Sizes on the grid of DIMMs above ``size``, the nearest first."""
        return range(size // self.unit * self.unit + self.unit, self.most + self.unit, self.unit)

    def smaller(self, size: int) -> range:
        """Sizes on the grid of DIMMs below ``size``, the nearest first; the last is one unit."""
        return range(-(-size // self.unit) * self.unit - self.unit, 0, -self.unit)


@dataclass(frozen=True)
class Number:
    """A number of a policy that a person can change: its ``field``, and the values that it may have
    instead, from the one that changes least to the one that asks least.

    ``nested`` says that each value permits all that those before it permit. Then the smallest
    change that helps is found by halving; else by trying one after the other.
    """

    field: str
    values: Sequence[Any]
    nested: bool = True


class Policy(Declared):
    """A declared wish or limit. Hard unless its class says otherwise.

    ``guests`` (names) and ``cells`` (ids) narrow it; without them it applies to all.
    """

    registry_package: ClassVar[str] = "slotsolver.constraints"
    entry_group: ClassVar[str] = "slotsolver.policies"
    whole_guest: ClassVar[bool] = False
    """Whether the policy is about guests as a whole, so that ``cells`` would mean nothing."""
    treats_alike: ClassVar[bool] = False
    """Of a rule that is not slotsolver's own: whether it treats all cells that it concerns, and all
    host nodes, alike. Equal ones are decided together, which is faster, where every rule does."""
    about_sizes: ClassVar[bool] = False
    """Of a rule that is not slotsolver's own: whether its rows count DIMMs of certain sizes; then
    the sizes of running guests' DIMMs are not left open."""

    guests: tuple[str, ...] | None = Field(default=None, description="names of the guests meant")
    cells: Ids | None = Field(default=None, description="ids of the cells meant")

    @model_validator(mode="after")
    def _no_cells(self) -> Self:
        if self.whole_guest and self.cells is not None:
            raise ValueError(f"policy {self.kind} is about whole guests; it takes no cells")
        return self

    def concerns(self, guest: Guest) -> bool:
        """Whether the policy applies to this guest."""
        return self.guests is None or guest.name in self.guests

    def concerned_cells(self, guest: Guest) -> tuple[int, ...]:
        """Ids of the guest's cells that the policy applies to."""
        ids = tuple(c.id for c in guest.cells)
        return ids if self.cells is None else tuple(i for i in ids if i in self.cells)

    def relaxed(self) -> Self | None:
        """What is left of the policy where nobody insists on it: ``None`` where a guest without it
        may do more, itself where it only permits something."""
        return None

    @property
    def tells_apart(self) -> bool:
        """Whether the rule may treat equal cells or host nodes unlike each other. Slotsolver's own
        never do, but by ``cells`` or by what ``restrict`` leaves of the ways to back a cell."""
        return not (self.treats_alike or is_built_in(type(self)))

    @property
    def named_slots(self) -> tuple[int, ...]:
        """Slots of running guests that the policy names; one that none of them has is a mistake."""
        return ()

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - for those that have any
        """The numbers of the policy that a person can change where there is no plan."""
        return ()

    def describe(self) -> str:
        """One sentence that states the rule with its numbers."""
        raise NotImplementedError

    def restrict(self, facts: GuestFacts) -> None:
        """Narrow what the guest may have (sizes, pages, nodes, slots) before variables exist."""

    def apply(self, guest: GuestModel) -> None:
        """Add the policy's rows for one guest to the model."""

    def apply_host(self, host: HostModel) -> None:
        """Add the policy's rows for the host's pools to the model."""

    def most_boot(self, memory: int) -> int:
        """The most boot memory (MiB) of a guest that the policy leaves of ``memory``; a hint."""
        return memory


class Objective(Declared):
    """What to minimise. Objectives are lexicographic: each is proven before the next."""

    registry_package: ClassVar[str] = "slotsolver.objectives"
    entry_group: ClassVar[str] = "slotsolver.objectives"
    unit: ClassVar[str] = ""
    """What the value counts: ``slots``, ``bytes``, ``pages`` or empty."""

    def describe(self) -> str:
        """One sentence that says what is minimised."""
        raise NotImplementedError

    def expression(self, model: HostModel) -> Linear:
        """The linear expression to minimise, in the model's units (see ``scale``)."""
        raise NotImplementedError

    about_dimms: ClassVar[bool] = False
    """Whether the value depends on how growth is cut into DIMMs."""

    def least(self, model: HostModel) -> int:  # noqa: ARG002 - overridden where more is known
        """A value of the expression that is known to be the least there can be, without search."""
        return 0

    scale: ClassVar[int] = 1
    """Multiplies the model's value into ``unit`` (1 MiB where the model counts MiB)."""


def policies() -> Mapping[str, type[Policy]]:
    """Every policy class by its kind, sorted."""
    return registry(Policy)  # type: ignore[return-value]  # Policy's subclasses only


def objectives() -> Mapping[str, type[Objective]]:
    """Every objective class by its kind, sorted."""
    return registry(Objective)  # type: ignore[return-value]  # Objective's subclasses only


def read_policy(value: Any, info: ValidationInfo) -> Policy:
    """Read a policy from its mapping (or its bare kind); unknown kinds name the nearest one."""
    return read(value, info, Policy, "policy")


def read_objective(value: Any, info: ValidationInfo) -> Objective:
    """Read an objective from its mapping or its bare kind."""
    return read(value, info, Objective, "objective")
