"""The numbers of a problem that a person can change, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from slotsolver.constraints.host_nodes import HostNodes
from slotsolver.constraints.page_size import PageSize
from slotsolver.constraints.swap import Swap
from slotsolver.explain.change import (
    Change,
    in_turn,
    with_added_pages,
    with_cell_target,
    with_cells,
    with_guest,
    with_instead,
    with_more_free,
    with_more_pages,
    with_policy,
)
from slotsolver.explain.lever import Lever
from slotsolver.explain.waivers import AnySize
from slotsolver.explain.words import value_text, virsh_size, wanted_text, whom
from slotsolver.facts import GuestFacts
from slotsolver.fields import format_ids
from slotsolver.kinds import answered_for
from slotsolver.policies import Number, Policy, Scope
from slotsolver.problem import AtLeast, Cell, Guest, Host, HostNode, Problem
from slotsolver.size import MiB, format_size

HOST, NUMBER, SIZE, WAY, DROP = 1, 2, 3, 4, 5
"""What changes cost, compared with each other: something about the host; a number of a guest or a
policy; a size that a guest shall have; how memory is backed; a policy as a whole."""

WIDEST_BITS = 52
NEAREST = "the nearest"
"""What is said of a size where none nearer helps; otherwise it is only ``one``."""

MORE_GRAINS = 64
"""By how many steps of its sizes a target or maximum may be raised."""


def pool_levers(host: Host, node: HostNode, page: int) -> tuple[Lever, ...]:
    """More pages of one size, made of the node's ordinary free memory; or more of that."""
    pool = host.pool(node.id, page)
    if page == host.base_page:
        huge = sum(p.total * p.page_size for p in node.pools)
        most = max(0, node.memory - huge - node.free)
        return (
            Lever(
                change=f"free memory of host node {node.id}",
                from_=format_size(node.free),
                values=range(MiB, most // MiB * MiB + 1, MiB),
                apply=lambda p, more: with_more_free(node.id, more)(p),
                to=lambda more: format_size(node.free + more),
                says=lambda more: f"free {format_size(more)} more of host node {node.id}'s memory",
                weight=HOST,
                amount=int,
            ),
        )
    size = format_size(page)

    def command(more: int) -> str:
        return f"virsh allocpages {virsh_size(page)} {more} --cellno {node.id} --add"

    return (
        Lever(
            change=f"{size} pages of host node {node.id}",
            from_=f"{pool.free} free",
            values=range(1, node.free // page + 1),
            apply=lambda p, more: with_more_pages(node.id, page, more)(p),
            loose=lambda p, more: with_added_pages(node.id, page, more)(p),
            to=lambda more: f"{pool.free + more} free",
            says=lambda more: f"reserve {more} more {size} pages on host node {node.id}",
            weight=HOST,
            command=command,
            amount=lambda more: more * page,
        ),
    )


def slot_levers(facts: GuestFacts) -> tuple[Lever, ...]:
    """More slots than the guest states, up to what its machine type has."""
    guest, name = facts.guest, facts.guest.name
    if guest.slots is None:
        return ()
    anew = ", once it is started anew with them (virsh edit)" if facts.running else ""
    return (
        Lever(
            change=f"slots of guest {name}",
            from_=str(guest.slots),
            values=range(guest.slots + 1, facts.platform.max_slots + 1),
            apply=lambda p, slots: with_guest(name, slots=slots)(p),
            to=str,
            says=lambda slots: f"guest {name}: `slots` {slots} instead of {guest.slots}{anew}",
            weight=NUMBER,
        ),
    )


def phys_bits_levers(facts: GuestFacts, bits: int) -> tuple[Lever, ...]:
    """More address bits."""
    name = facts.guest.name

    def says(more: int) -> str:
        return (
            f"guest {name}: `phys_bits` {more} instead of {bits}, where the host's CPU has as many "
            f"(libvirt: <maxphysaddr mode='emulate' bits='{more}'/>)"
        )

    return (
        Lever(
            change=f"phys_bits of guest {name}",
            from_=str(bits),
            values=range(bits + 1, WIDEST_BITS + 1),
            apply=lambda p, more: with_guest(name, phys_bits=more)(p),
            to=str,
            says=says,
            weight=NUMBER,
        ),
    )


def _grain(facts: GuestFacts) -> int:
    """What the guest's sizes differ by (bytes)."""
    return min(cell.grain for cell in facts.cells) * MiB


def target_levers(facts: GuestFacts) -> tuple[Lever, ...]:
    """The nearest targets below and above, of each cell where cells have targets. Those of running
    guests are found otherwise (:mod:`slotsolver.explain.nearest`)."""
    guest = facts.guest
    if facts.running:
        return ()
    if isinstance(guest.target, dict):
        return tuple(lever for cell in guest.cells for lever in _cell_target(facts, cell))
    name, grain, target = guest.name, _grain(facts), guest.target
    boot = guest.boot_size
    low = boot + guest.devices_size if boot is not None else len(guest.cells) * grain
    start = (target - low) // grain * grain + low if boot is not None else target
    below = range(start if start < target else start - grain, low - 1, -grain)
    top = guest.maximum_size if guest.maximum is not None else target + MORE_GRAINS * grain
    above = range(start + grain, top + 1, grain)
    return tuple(
        Lever(
            change=f"target of guest {name}",
            from_=format_size(target),
            values=values,
            apply=lambda p, size: with_guest(name, target=size)(p),
            to=format_size,
            says=partial(_nearest_target, guest, target),
            weight=SIZE,
            nested=False,
            any_of=_any_size(facts, "target"),
        )
        for values in (below, above)
    )


def _nearest_target(guest: Guest, asked: int, size: int) -> str:
    """The nearest size, and how much of it is DIMMs."""
    says = _nearest_size(f"guest {guest.name}: target", asked, size)
    if guest.boot_size is None:
        return says
    dimms = size - guest.boot_size
    return f"{says}: {format_size(dimms) + ' of' if dimms else 'no'} DIMMs"


def _any_size(facts: GuestFacts, stage: str) -> Callable[[int, int], Change] | None:
    """Any target or maximum between two sizes, where it is a stage of its own.

    How many slots the address space holds depends on the maximum, of which the least allows most,
    and where boot memory is open on the target: then the address space is made wide.
    """
    name = facts.guest.name
    alone = any(other.name == stage for other in facts.stages)
    if not alone or any(device.address for device in facts.guest.devices):
        return None

    def any_of(one: int, other: int) -> Change:
        low, high = sorted((one, other))
        update: dict[str, object] = {stage: high if stage == "target" else low}
        if stage == "target" and facts.boot is None:
            update["phys_bits"] = WIDEST_BITS
        waiver = AnySize(kind="any size", guests=(name,), stage=stage, least=low, most=high)
        return in_turn(with_guest(name, **update), with_policy(waiver))

    return any_of


def _nearest_size(what: str, asked: int, size: int) -> str:
    """``guest db: target 4 GiB instead of 4352 MiB, the nearest below``."""
    side = "above" if size > asked else "below"
    return f"{what} {format_size(size)} instead of {format_size(asked)}, {NEAREST} {side}"


def _cell_target(facts: GuestFacts, cell: Cell) -> Iterator[Lever]:
    guest, grain = facts.guest, facts.cells[cell.id].grain * MiB
    name, targets = guest.name, guest.target
    assert isinstance(targets, dict)  # noqa: S101 - asked for these only
    wanted, low = targets[cell.id], cell.memory or grain
    spare = guest.maximum_size - guest.target_size
    off = (wanted - low) % grain
    below = range(wanted - (off or grain), low - 1, -grain)
    for values in (below, range(wanted - off + grain, wanted + spare + 1, grain)):
        yield Lever(
            change=f"target of cell {cell.id} of guest {name}",
            from_=format_size(wanted),
            values=values,
            apply=lambda p, size: with_cell_target(name, cell.id, size)(p),
            to=format_size,
            says=partial(_nearest_size, f"guest {name}: target of cell {cell.id}", wanted),
            weight=SIZE,
            nested=False,
        )


def maximum_levers(facts: GuestFacts) -> tuple[Lever, ...]:
    """The nearest maxima below and above."""
    guest, name, grain = facts.guest, facts.guest.name, _grain(facts)
    bounded = isinstance(guest.maximum, AtLeast)
    now, low = guest.maximum_size, max(guest.target_size, *guest.waypoints, 0)
    off = (now - low) % grain
    below = range(now - off - grain * (off == 0), low - 1, -grain)
    above = range(now - off + grain, now + MORE_GRAINS * grain, grain)

    def apply(problem: Problem, size: int) -> Problem:
        return with_guest(name, maximum=AtLeast(at_least=size) if bounded else size)(problem)

    sides = (below,) if bounded else (below, above)
    return tuple(
        Lever(
            change=f"maximum of guest {name}",
            from_=format_size(now),
            values=values,
            apply=apply,
            to=format_size,
            says=partial(_nearest_size, f"guest {name}: maximum", now),
            weight=SIZE,
            nested=False,
            any_of=None if bounded else _any_size(facts, "maximum"),
        )
        for values in sides
    )


def waypoint_levers(guest: Guest) -> tuple[Lever, ...]:
    """All but one of the waypoints, and none."""
    every = guest.waypoints
    fewer = [tuple(other for other in every if other != size) for size in every]
    return (
        Lever(
            change=f"waypoints of guest {guest.name}",
            from_=_sizes(every),
            values=tuple(dict.fromkeys([*fewer, ()])),
            apply=lambda p, sizes: with_guest(guest.name, waypoints=sizes)(p),
            to=_sizes,
            says=lambda sizes: f"guest {guest.name}: no waypoint {_sizes(set(every) - set(sizes))}",
            weight=SIZE,
            nested=False,
        ),
    )


def _sizes(sizes: Any) -> str:
    return ", ".join(format_size(size) for size in sorted(sizes)) or "none"


def boot_levers(guest: Guest, relax: Change) -> tuple[Lever, ...]:
    """Boot memory that is chosen instead of given."""
    return (
        Lever(
            change=f"boot memory of guest {guest.name}",
            from_=format_size(guest.boot_size or 0),
            values=("open",),
            apply=lambda p, _: relax(p),
            to=str,
            says=lambda _: f"guest {guest.name}: leave boot memory open, it is chosen then",
            weight=SIZE,
        ),
    )


def cell_page_levers(facts: GuestFacts, cell: Cell) -> tuple[Lever, ...]:
    """Other pages of the host for the cell, or for all cells that have the same."""
    guest, host, own = facts.guest, facts.host, cell.page_size or 0
    if host is None:
        return ()
    pages = [page for page in host.page_sizes() if host.has_pool(page) and page != own]
    pages.sort(key=lambda page: (max(page, own) // min(page, own), page))
    alike = tuple(other.id for other in guest.cells if other.page_size == own)
    sets = [(cell.id,)] if len(alike) == 1 or cell.id != alike[0] else [(cell.id,), alike]
    values = [(cells, page) for cells in sets for page in pages]
    return (
        Lever(
            change=f"page size of cell {cell.id} of guest {guest.name}",
            from_=format_size(own),
            values=values,
            apply=lambda p, v: with_cells(guest.name, v[0], page_size=v[1])(p),
            to=lambda v: format_size(v[1]),
            says=lambda v: (
                f"guest {guest.name}: {format_size(v[1])} pages for cell"
                f"{'s' if len(v[0]) > 1 else ''} {format_ids(v[0])} instead of "
                f"{format_size(own)} (<memoryBacking>)"
            ),
            weight=WAY,
            nested=False,
        ),
    )


def cell_node_levers(facts: GuestFacts, cell: Cell) -> tuple[Lever, ...]:
    """Another host node for a cell that is bound."""
    guest, host = facts.guest, facts.host
    others = (
        [node.id for node in host.nodes if node.id not in (cell.host_nodes or ())] if host else []
    )
    return (
        Lever(
            change=f"host nodes of cell {cell.id} of guest {guest.name}",
            from_=format_ids(cell.host_nodes or ()),
            values=others,
            apply=lambda p, node: with_cells(guest.name, [cell.id], host_nodes=(node,))(p),
            to=str,
            says=lambda node: (
                f"guest {guest.name}: cell {cell.id} on host node {node} instead of "
                f"{format_ids(cell.host_nodes or ())} (<numatune>)"
            ),
            weight=WAY,
            nested=False,
        ),
    )


def guest_node_levers(facts: GuestFacts) -> tuple[Lever, ...]:
    """Another host node for a guest that is bound as a whole, or one more."""
    guest, host = facts.guest, facts.host
    mine = guest.host_nodes or ()
    others = [node.id for node in host.nodes if node.id not in mine] if host else []
    more = [tuple(sorted((*mine, node))) for node in others]
    return (
        Lever(
            change=f"host nodes of guest {guest.name}",
            from_=format_ids(mine),
            values=[*more, *((node,) for node in others)],
            apply=lambda p, nodes: with_guest(guest.name, host_nodes=nodes)(p),
            to=format_ids,
            says=lambda nodes: (
                f"guest {guest.name}: host nodes {format_ids(nodes)} instead of "
                f"{format_ids(mine)} (<numatune>)"
            ),
            weight=WAY,
            nested=False,
        ),
    )


def _asked_for(problem: Problem, guest: Guest, option: str, line: str, kind: str) -> str:
    """How a policy for one guest is asked for: on the command line it would mean every guest, and
    take the place of those of its kind."""
    if len(problem.guests) > 1 or any(policy.kind == kind for policy in problem.policies):
        return f"policies: - {{{line}, guests: [{guest.name}]}}"
    return f"--policy {option}"


def dimm_page_levers(
    problem: Problem, facts: GuestFacts, pages: Sequence[int]
) -> tuple[Lever, ...]:
    """Pages of their own for the guest's DIMMs, the largest first."""
    name = facts.guest.name

    def asked(page: int) -> str:
        size = format_size(page)
        option = f"page-size={size.replace(' ', '')},of:dimms"
        line = f"kind: page-size, size: {size}, of: dimms"
        return _asked_for(problem, facts.guest, option, line, "page-size")

    return (
        Lever(
            change=f"pages of the DIMMs of guest {name}",
            from_="those of their cells",
            values=sorted(pages, reverse=True),
            apply=lambda p, page: with_policy(PageSize(size=page, of="dimms", guests=(name,)))(p),
            to=format_size,
            says=lambda page: (
                f"guest {name}: DIMMs of {format_size(page)} pages, whatever their cell has: "
                f"{asked(page)}"
            ),
            weight=WAY,
            nested=False,
        ),
    )


def spread_levers(problem: Problem, guest: Guest) -> tuple[Lever, ...]:
    """Cells whose DIMMs lie on several host nodes."""
    line = "kind: host-nodes, spread: true"
    asked = _asked_for(problem, guest, "host-nodes=spread:true", line, "host-nodes")
    return (
        Lever(
            change=f"host nodes of each cell of guest {guest.name}",
            from_="one",
            values=(HostNodes(spread=True, guests=(guest.name,)),),
            apply=lambda p, policy: with_policy(policy)(p),
            to=lambda _: "several",
            says=lambda _: f"guest {guest.name}: DIMMs of a cell on several host nodes: {asked}",
            weight=WAY,
        ),
    )


def swap_levers(problem: Problem, guest: Guest) -> tuple[Lever, ...]:
    """Exchanges of DIMMs."""
    asked = _asked_for(problem, guest, "swap", "kind: swap", "swap")
    return (
        Lever(
            change="policy",
            from_="no-swap",
            values=(Swap(guests=(guest.name,)),),
            apply=lambda p, policy: with_policy(policy)(p),
            to=lambda _: "swap",
            says=lambda _: (
                f"guest {guest.name} can have exactly {wanted_text(guest)} if DIMMs may be "
                f"exchanged: {asked}"
            ),
            weight=NUMBER,
        ),
    )


def policy_levers(
    problem: Problem, facts: Sequence[GuestFacts], policy: Policy, relax: Change
) -> tuple[Lever, ...]:
    """The numbers that a policy names, and the problem without it."""
    with answered_for(policy, "numbers"):
        numbers = policy.numbers(_scope(problem, facts, policy))
    levers = [_number_lever(problem, policy, number) for number in numbers if number.values]
    return (*levers, _drop_lever(problem, policy, relax))


def _scope(problem: Problem, facts: Sequence[GuestFacts], policy: Policy) -> Scope:
    mine = [guest for guest in facts if policy.concerns(guest.guest)]
    cells = [cell for guest in mine for cell in guest.cells_of(policy)]
    host = problem.host
    return Scope(
        unit=min((cell.unit for cell in cells), default=1) * MiB,
        most=max((guest.guest.maximum_size for guest in mine), default=MiB),
        pages=tuple(p for p in host.page_sizes() if host.has_pool(p)) if host else (),
        nodes=tuple(node.id for node in host.nodes) if host else (),
    )


def _number_lever(problem: Problem, policy: Policy, number: Number) -> Lever:
    field, old = number.field, getattr(policy, number.field)
    about = whom(problem, policy)

    def apply(other: Problem, value: Any) -> Problem:
        return with_instead(policy, policy.model_copy(update={field: value}))(other)

    def says(value: Any) -> str:
        new = value_text(policy, field, value)
        was = value_text(policy, field, old)
        return f"policy {policy.kind}: `{field}` {new} instead of {was}{about}"

    return Lever(
        change=f"policy {policy.kind} {field}",
        from_=value_text(policy, field, old),
        values=number.values,
        apply=apply,
        to=lambda value: value_text(policy, field, value),
        says=says,
        weight=NUMBER,
        nested=number.nested,
    )


def _drop_lever(problem: Problem, policy: Policy, relax: Change) -> Lever:
    left, about = policy.relaxed(), whom(problem, policy)
    says = f"without policy {policy.kind}: {policy.describe()}{about}"
    if left is not None:
        says = f"policy {policy.kind}: {left.describe()}, instead of: {policy.describe()}{about}"
    return Lever(
        change=f"policy {policy.kind}",
        from_="demanded",
        values=("dropped" if left is None else "loosened",),
        apply=lambda p, _: relax(p),
        to=str,
        says=lambda _: says,
        weight=DROP,
    )
