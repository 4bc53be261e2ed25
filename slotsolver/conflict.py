"""Why there is no plan: rules that contradict each other, none of which can be left out.

Every rule is taken out in turn; if the rest still admits no plan it was not needed. What stays is
irreducible, and that is known from solving, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from slotsolver.constraints.accept import Accept
from slotsolver.constraints.guest_block import GuestBlock
from slotsolver.constraints.swap import Swap
from slotsolver.errors import InputError
from slotsolver.gather import gather
from slotsolver.nearest import has_text, wanted_text
from slotsolver.plan import Conflict
from slotsolver.platforms import platform_for
from slotsolver.policies import Policy
from slotsolver.problem import AtLeast, Guest, Host, Pool, Problem
from slotsolver.size import MiB, format_size

ENDLESS_PAGES = 1 << 30
Relax = Callable[[Problem], Problem]

SIDES = {"exact": "exactly", "below": "at most", "above": "at least"}
"""What a running guest is to have of its target, by what policy accept demands."""


@dataclass(frozen=True)
class Rule:
    """Something that can be taken out of a problem, and what it says."""

    name: str
    says: str
    group: str
    relax: Relax


def find_conflict(
    problem: Problem, feasible: Callable[[Problem], bool | None]
) -> tuple[Conflict, ...]:
    """An irreducible set of rules that together admit no plan.

    ``feasible`` says whether a problem has a plan, ``None`` if that stays open (then the rule is
    kept: the conflict is true, but perhaps not the smallest).
    """

    def contradicts(candidate: Problem) -> bool:
        try:
            return feasible(candidate) is False
        except InputError:
            return True

    rules = list(_rules(problem))
    kept: list[Rule] = []
    for group in dict.fromkeys(rule.group for rule in rules):
        members = [rule for rule in rules if rule.group == group]
        without = _relaxed(problem, members)
        if contradicts(without):
            problem = without
            continue
        for rule in members:
            without = rule.relax(problem)
            if contradicts(without):
                problem = without
            else:
                kept.append(rule)
    while spare := next((rule for rule in kept if contradicts(rule.relax(problem))), None):
        # Leaving a rule out can also forbid: with no maximum to grow to, no slot is ever taken.
        problem = spare.relax(problem)
        kept.remove(spare)
    if not kept:
        kept = [Rule("sizes", "the sizes of the guest cannot be met by any DIMMs", "", lambda p: p)]
    return tuple(Conflict(rule=rule.name, says=rule.says) for rule in kept)


def _relaxed(problem: Problem, rules: Sequence[Rule]) -> Problem:
    for rule in rules:
        problem = rule.relax(problem)
    return problem


def _rules(problem: Problem) -> Iterator[Rule]:
    for guest in problem.guests:
        yield from _guest_rules(problem, guest)
    if problem.host is not None:
        yield from _pool_rules(problem.host)
    for number, host in enumerate(problem.also_hosts, 1):
        says = f"the guests can migrate to host {number} of those named, and fit there as they are"
        yield Rule("destination", says, "destinations", _without_destination(host))
    for number, policy in enumerate(problem.policies):
        if policy.relaxed() == policy:
            continue
        whom = f" ({', '.join(policy.guests)})" if policy.guests else ""
        yield Rule(
            f"policy {policy.kind}",
            policy.describe() + whom,
            f"policy {number}",
            _without_policy(policy),
        )


def _without_destination(host: Host) -> Relax:
    return lambda p: p.model_copy(
        update={"also_hosts": tuple(other for other in p.also_hosts if other is not host)}
    )


def _without_policy(policy: Policy) -> Relax:
    left = policy.relaxed()

    def relax(problem: Problem) -> Problem:
        kept = (left if other is policy else other for other in problem.policies)
        policies = tuple(other for other in kept if other is not None)
        return problem.model_copy(update={"policies": policies})

    return relax


def _change_guest(name: str, **update: object) -> Relax:
    def relax(problem: Problem) -> Problem:
        guests = tuple(g.model_copy(update=update) if g.name == name else g for g in problem.guests)
        return problem.model_copy(update={"guests": guests})

    return relax


def _guest_rules(problem: Problem, guest: Guest) -> Iterator[Rule]:
    name = guest.name
    if guest.running:
        yield from _running_rules(problem, guest)
    elif guest.slots is not None:
        says = f"guest {name} has {guest.slots} memory slots"
        yield Rule("slots", says, f"slots {name}", _change_guest(name, slots=None))
    if not guest.running:
        bits = _bits(problem, guest)
        yield Rule(
            "phys-bits",
            f"guest {name} addresses {bits} bits, and each slot takes 1 GiB of that",
            f"phys-bits {name}",
            _change_guest(name, phys_bits=52),
        )
    yield from _block_rule(problem, guest)
    waypoints = ", ".join(format_size(size) for size in guest.waypoints)
    if guest.waypoints:
        says = f"guest {name} passes through {waypoints}"
        yield Rule("waypoints", says, f"waypoints {name}", _change_guest(name, waypoints=()))
    if guest.maximum_size > guest.target_size and not guest.running:
        yield Rule(
            "maximum",
            f"guest {name} can grow to {format_size(guest.maximum_size)}",
            f"maximum {name}",
            _change_guest(name, maximum=_least_maximum(guest), waypoints=()),
        )
    for cell in guest.cells:
        for field, says in (
            ("page_size", f"is backed by {format_size(cell.page_size or 0)} pages"),
            ("host_nodes", f"is bound to host nodes {list(cell.host_nodes or ())}"),
        ):
            if getattr(cell, field) is None:
                continue
            yield Rule(
                field.replace("_", "-"),
                f"cell {cell.id} of guest {name} {says}",
                f"{field} {name}",
                _change_cell(name, cell.id, field),
            )


def _least_maximum(guest: Guest) -> AtLeast | None:
    """The least that a maximum may be without being in the way: the target, but devices that are
    there count in full, whatever a virtio-mem device gives."""
    full = (guest.boot_size or 0) + sum(device.size for device in guest.devices)
    return AtLeast(at_least=full) if full > guest.target_size else None


def _bits(problem: Problem, guest: Guest) -> int:
    """The fewest physical address bits that the guest has on any host; else what its machine type
    has where nobody says."""
    hosts = [host for host in (problem.host, *problem.also_hosts) if host is not None]
    if guest.phys_bits is not None or not guest.host_passthrough:
        hosts = []
    usual = guest.phys_bits or platform_for(guest.machine).default_phys_bits
    return min((h.phys_bits for h in hosts if h.phys_bits), default=usual)


def _running_rules(problem: Problem, guest: Guest) -> Iterator[Rule]:
    """That a running guest meets its target exactly, exchanges nothing, and keeps its slots."""
    name, most = guest.name, platform_for(guest.machine).max_slots
    named = {p.kind for p in problem.policies if p.concerns(guest)}
    facts = next(f for f in gather(problem) if f.guest.name == name)
    taken = min(facts.existing_slots, facts.slots_written)
    yield Rule(
        "slots",
        f"guest {name} runs with {facts.slots_written} memory slots, {taken} of them taken",
        f"slots {name}",
        _change_guest(name, slots=most),
    )
    if "swap" not in named:
        yield Rule(
            "no-swap",
            f"nothing of guest {name} is unplugged to make room for something else",
            f"swap {name}",
            _with_swaps(name),
        )
    accepted = [p for p in problem.policies if isinstance(p, Accept) and p.concerns(guest)]
    distance = accepted[-1].distance if accepted else "exact"
    if distance in SIDES and not guest.is_as_wanted:
        yield Rule(
            "target",
            f"guest {name}, which has {has_text(guest)}, is to have {SIDES[distance]} "
            f"{wanted_text(guest)}",
            f"target {name}",
            _with_policy(Accept(distance="nearest", guests=(name,))),
        )


def _with_swaps(name: str) -> Relax:
    """Permit swaps; that others may not is so without the policy too."""

    def relax(problem: Problem) -> Problem:
        kept = tuple(p for p in problem.policies if p.kind != "no-swap")
        return problem.model_copy(update={"policies": (*kept, Swap(guests=(name,)))})

    return relax


def _with_policy(policy: Policy) -> Relax:
    return lambda p: p.model_copy(update={"policies": (*p.policies, policy)})


def _block_rule(problem: Problem, guest: Guest) -> Iterator[Rule]:
    """That known boot memory makes the guest OS use large memory blocks."""
    platform = platform_for(guest.machine)
    facts = next(f for f in gather(problem) if f.guest.name == guest.name)
    given = any(p.kind == "guest-block" and p.concerns(guest) for p in problem.policies)
    block = facts.blocks[0] * MiB
    if given or len(facts.blocks) > 1 or block <= platform.smallest_block:
        return
    small = GuestBlock(size=platform.smallest_block, guests=(guest.name,))
    yield Rule(
        "guest-block",
        f"guest {guest.name} boots with {format_size(guest.boot_size or 0)}, which makes its "
        f"memory block {format_size(block)}: DIMMs are multiples of that",
        f"block {guest.name}",
        _with_policy(small),
    )


def _change_cell(name: str, cell_id: int, field: str) -> Relax:
    def relax(problem: Problem) -> Problem:
        guest = next(g for g in problem.guests if g.name == name)
        cells = tuple(
            c.model_copy(update={field: None}) if c.id == cell_id else c for c in guest.cells
        )
        return _change_guest(name, cells=cells)(problem)

    return relax


def _pool_rules(host: Host) -> Iterator[Rule]:
    for page in host.page_sizes():
        for node in host.nodes:
            pool = host.pool(node.id, page)
            free = format_size(pool.free * page)
            says = f"host node {node.id} has {pool.free} free pages of {format_size(page)} ({free})"
            yield Rule("pool", says, f"pools of {page}", _endless(node.id, page))


def _endless(node_id: int, page: int) -> Relax:
    def relax(problem: Problem) -> Problem:
        host = problem.host
        assert host is not None  # noqa: S101 - rules about pools exist only with a host
        nodes = []
        for node in host.nodes:
            if node.id == node_id and page == host.base_page:
                much = max(node.memory, ENDLESS_PAGES * page)
                node = node.model_copy(update={"memory": much, "free": much})
            elif node.id == node_id:
                pools = [p for p in node.pools if p.page_size != page]
                pools.append(Pool(page_size=page, total=ENDLESS_PAGES, free=ENDLESS_PAGES))
                pools.sort(key=lambda p: p.page_size)
                node = node.model_copy(update={"pools": tuple(pools)})
            nodes.append(node)
        return problem.model_copy(update={"host": host.model_copy(update={"nodes": tuple(nodes)})})

    return relax
