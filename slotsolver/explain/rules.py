"""The rules of a problem: what each says, what is left without it, and its numbers.

A rule is an assumption that can be taken back. Taking it back gives another problem, which permits
at least as much; whether that has a plan is asked of the same model that finds plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slotsolver.constraints.accept import Accept
from slotsolver.constraints.guest_block import GuestBlock
from slotsolver.constraints.host_nodes import HostNodes
from slotsolver.constraints.no_swap import NoSwap
from slotsolver.explain.change import (
    Change,
    in_turn,
    with_cells,
    with_endless_pool,
    with_first_policy,
    with_guest,
    with_instead,
    with_policy,
    with_swaps,
    without_destination,
)
from slotsolver.explain.lever import Lever
from slotsolver.explain.levers import (
    boot_levers,
    cell_node_levers,
    cell_page_levers,
    dimm_page_levers,
    guest_node_levers,
    maximum_levers,
    phys_bits_levers,
    policy_levers,
    pool_levers,
    slot_levers,
    spread_levers,
    swap_levers,
    target_levers,
    waypoint_levers,
)
from slotsolver.explain.waivers import (
    AnyNumberOfSlots,
    AnyPagesOfDimms,
    AnyPlace,
    AnySize,
    AnyTarget,
)
from slotsolver.explain.words import bits_of, has_text, wanted_text, whom
from slotsolver.facts import GuestFacts
from slotsolver.fields import format_ids
from slotsolver.gather import gather
from slotsolver.kinds import answered_for
from slotsolver.place import device_window
from slotsolver.plan import PoolFacts
from slotsolver.platforms import platform_for
from slotsolver.problem import AtLeast, Cell, Guest, Host, Problem
from slotsolver.size import MiB, format_size

SIDES = {"exact": "exactly", "below": "at most", "above": "at least"}
"""What a running guest is to have of its target, by what policy accept demands."""

WIDEST = 52
"""Physical address bits that are more than enough."""


@dataclass(frozen=True)
class Rule:
    """Something that can be taken back, what it says, and what of it a person can change.

    ``relax`` gives a problem that permits at least as much; rules of one ``group`` are tried
    together first.
    """

    name: str
    says: str
    group: str
    relax: Change
    levers: Sequence[Lever] = field(default=(), compare=False)
    pool: PoolFacts | None = None
    heavy: int = 0
    """How long it takes to find out what holds without it; what takes longest is taken back
    last."""
    about_host: bool = False
    """Whether it means nothing where there is no host."""
    nearest: str = ""
    """The running guest whose nearest sizes would do instead."""


def rules_of(problem: Problem) -> list[Rule]:
    """Every rule of a problem, in a fixed order: of the guests, of the host, policies."""
    facts = gather(problem)
    rules: list[Rule] = []
    for guest in facts:
        rules += (
            _running_rules(problem, guest) if guest.running else _new_guest_rules(problem, guest)
        )
        rules += _block_rule(guest)
        rules += _backing_rules(problem, guest)
    rules += _pool_rules(problem.host) if problem.host else ()
    rules += _destination_rules(problem)
    rules += _policy_rules(problem, facts)
    return rules


# --- guests that do not run ---


def _new_guest_rules(problem: Problem, facts: GuestFacts) -> Iterator[Rule]:
    guest = facts.guest
    name = guest.name
    yield _slot_rule(facts)
    bits = bits_of(problem, facts)
    says = f"guest {name} addresses {bits} bits, and each slot takes 1 GiB of that"
    relax = with_guest(name, phys_bits=WIDEST)
    yield Rule("phys-bits", says, f"phys-bits {name}", relax, phys_bits_levers(facts, bits))
    yield from _place_rule(facts)
    waypoints = ", ".join(format_size(size) for size in guest.waypoints)
    if guest.waypoints:
        says = f"guest {name} passes through {waypoints}"
        relax = with_guest(name, waypoints=())
        yield Rule("waypoints", says, f"waypoints {name}", relax, waypoint_levers(guest))
    if guest.maximum_size > guest.target_size:
        says = f"guest {name} can grow to {format_size(guest.maximum_size)}"
        levers = maximum_levers(facts)
        yield Rule("maximum", says, f"maximum {name}", _any_maximum(facts), levers)
    yield from _boot_rule(guest)
    yield from _target_rule(facts)


def _slot_rule(facts: GuestFacts) -> Rule:
    guest = facts.guest
    name, most = guest.name, facts.platform.max_slots
    if guest.slots is not None:
        says = f"guest {name} has {guest.slots} memory slots"
        relax = with_guest(name, slots=None)
    else:
        says = (
            f"guest {name} has at most {most} memory slots, as machine type {facts.platform.name}"
        )
        relax = with_first_policy(AnyNumberOfSlots(kind="any number of slots", guests=(name,)))
    return Rule("slots", says, f"slots {name}", relax, slot_levers(facts))


def _any_maximum(facts: GuestFacts) -> Change:
    """Any maximum from what the guest needs before it up to the one asked for (or beyond, of one
    that may be exceeded). The address space is asked to hold the least of them."""
    guest = facts.guest
    full = (guest.boot_size or 0) + sum(device.size for device in guest.devices)
    least = max(guest.target_size, *guest.waypoints, full)
    if any(device.address for device in guest.devices) or least >= guest.maximum_size:
        maximum = AtLeast(at_least=full) if full > guest.target_size else None
        return with_guest(guest.name, maximum=maximum, waypoints=())
    most = guest.maximum_size * (2 if isinstance(guest.maximum, AtLeast) else 1)
    grain = min(cell.grain for cell in facts.cells) * MiB
    waiver = AnySize(
        kind="any maximum", guests=(guest.name,), stage="maximum", least=least, most=most
    )
    return in_turn(with_guest(guest.name, maximum=least + grain), with_policy(waiver))


def _place_rule(facts: GuestFacts) -> Iterator[Rule]:
    """Devices that are there stay where they are, and DIMMs fit into the gaps."""
    guest = facts.guest
    if not any(device.address for device in guest.devices):
        return
    devices = tuple(device.model_copy(update={"address": None}) for device in guest.devices)
    says = f"guest {guest.name} has devices at fixed addresses, and DIMMs fit between them"
    yield Rule(
        "addresses", says, f"addresses {guest.name}", with_guest(guest.name, devices=devices)
    )


def _boot_rule(guest: Guest) -> Iterator[Rule]:
    """Boot memory that is given, where it could be chosen as well."""
    page = max((cell.page_size or 0 for cell in guest.cells), default=0) or MiB
    whole = all((cell.memory or 0) % page == 0 for cell in guest.cells)
    if guest.boot_size is None or guest.devices or (guest.xml is not None and not whole):
        return
    name, every = guest.name, [cell.id for cell in guest.cells]
    leave_open = in_turn(with_cells(name, every, memory=None), with_guest(name, boot=None))
    relax = leave_open
    if guest.target_size == guest.boot_size:  # its target is not told as a rule of its own
        waiver = AnySize(
            kind="any target",
            guests=(name,),
            stage="target",
            least=0,
            most=guest.target_size,
        )
        relax = in_turn(leave_open, with_policy(waiver))
    cells = [cell.memory for cell in guest.cells if cell.memory is not None]
    each = ", ".join(format_size(size) for size in cells) + " in its cells"
    if len(set(cells)) == 1:
        each = f"{format_size(cells[0])} in each cell"
    parts = f" ({each})" if len(cells) > 1 else ""
    says = f"guest {name} boots with {format_size(guest.boot_size)}{parts}"
    yield Rule("boot", says, f"boot {name}", relax, boot_levers(guest, leave_open), heavy=3)


def _target_rule(facts: GuestFacts) -> Iterator[Rule]:
    """That a guest has its target. Without it, what it boots with will do."""
    guest, name = facts.guest, facts.guest.name
    if "boot" in facts.stages[facts.target_stage].name:
        return
    relax = with_policy(AnyTarget(kind="any target", guests=(name,)))
    says = f"guest {name} has {wanted_text(guest)}"
    yield Rule("target", says, f"target {name}", relax, target_levers(facts))


# --- running guests ---


def _running_rules(problem: Problem, facts: GuestFacts) -> Iterator[Rule]:
    """That a running guest meets its target exactly, exchanges nothing, and keeps its slots."""
    guest, name = facts.guest, facts.guest.name
    named = {p.kind for p in facts.policies}
    taken = min(facts.existing_slots, facts.slots_written)
    says = f"guest {name} runs with {facts.slots_written} memory slots, {taken} of them taken"
    relax = with_guest(name, slots=platform_for(guest.machine).max_slots)
    yield Rule("slots", says, f"slots {name}", relax, slot_levers(facts))
    window = device_window(facts, (facts.boot or 0) * MiB, guest.maximum_size, facts.slots_written)
    if window is not None and guest.devices:
        size = format_size(window.end - window.base)
        says = f"DIMMs of guest {name} find a place beside those that stay, in {size} of addresses"
        relax = with_policy(AnyPlace(kind="any place", guests=(name,)))
        yield Rule("addresses", says, f"addresses {name}", relax)
    if "swap" not in named:
        says = f"nothing of guest {name} is unplugged to make room for something else"
        levers = () if "no-swap" in named else swap_levers(problem, guest)
        yield Rule("no-swap", says, f"swap {name}", with_swaps(name), levers)
    accepted = [p for p in facts.policies if isinstance(p, Accept)]
    distance = accepted[-1].distance if accepted else "exact"
    if distance in SIDES and not guest.is_as_wanted:
        says = (
            f"guest {name}, which has {has_text(guest)}, is to have {SIDES[distance]} "
            f"{wanted_text(guest)}"
        )
        relax = with_policy(Accept(distance="nearest", guests=(name,)))
        nearest = name if distance == "exact" else ""
        yield Rule("target", says, f"target {name}", relax, nearest=nearest)


# --- what holds for every guest ---


def _block_rule(facts: GuestFacts) -> Iterator[Rule]:
    """That known boot memory makes the guest OS use large memory blocks."""
    guest, smallest = facts.guest, facts.platform.smallest_block
    given = any(p.kind == "guest-block" for p in facts.policies)
    block = facts.blocks[0] * MiB
    if given or len(facts.blocks) > 1 or block <= smallest:
        return
    says = (
        f"guest {guest.name} boots with {format_size(guest.boot_size or 0)}, which makes its "
        f"memory block {format_size(block)}: DIMMs are multiples of that"
    )
    relax = with_policy(GuestBlock(size=smallest, guests=(guest.name,)))
    yield Rule("guest-block", says, f"block {guest.name}", relax)


def _backing_rules(problem: Problem, facts: GuestFacts) -> Iterator[Rule]:
    """The pages and host nodes that the guest's cells are bound to, and that a cell has one page
    size and one host node."""
    guest, name, host = facts.guest, facts.guest.name, problem.host
    for cell in guest.cells:
        yield from _cell_rules(facts, cell)
    if guest.host_nodes is not None and any(cell.host_nodes is None for cell in guest.cells):
        says = f"guest {name} is bound to host nodes {format_ids(guest.host_nodes)}"
        relax = with_guest(name, host_nodes=None)
        levers = guest_node_levers(facts)
        yield Rule("host-nodes", says, f"host_nodes {name}", relax, levers)
    if host is None:
        return
    mixed = [p for p in facts.policies if p.kind == "page-size" and getattr(p, "of", "") == "dimms"]
    sizes = [page for page in host.page_sizes() if host.has_pool(page)]
    if not mixed and len(sizes) > 1:
        says = f"each cell of guest {name} has one page size, its DIMMs too"
        relax = with_policy(AnyPagesOfDimms(kind="any pages of DIMMs", guests=(name,)))
        levers = dimm_page_levers(problem, facts, sizes)
        yield Rule("one-page-size", says, f"pages {name}", relax, levers, heavy=1)
    wide = all(cell.host_nodes is None for cell in guest.cells) and not facts.running
    if wide and len(host.nodes) > 1 and not any(cell.spread for cell in facts.cells):
        says = f"each cell of guest {name} lies on one host node, its DIMMs too"
        relax = with_policy(HostNodes(spread=True, guests=(name,)))
        yield Rule(
            "one-host-node",
            says,
            f"spread {name}",
            relax,
            spread_levers(problem, guest),
            heavy=2,
            about_host=True,
        )


def _cell_rules(facts: GuestFacts, cell: Cell) -> Iterator[Rule]:
    name = facts.guest.name
    if cell.page_size is not None:
        says = f"cell {cell.id} of guest {name} is backed by {format_size(cell.page_size)} pages"
        relax = with_cells(name, [cell.id], page_size=None)
        levers = cell_page_levers(facts, cell)
        yield Rule("page-size", says, f"page_size {name}", relax, levers)
    if cell.host_nodes is not None:
        nodes = format_ids(cell.host_nodes)
        says = f"cell {cell.id} of guest {name} is bound to host nodes {nodes}"
        relax = with_cells(name, [cell.id], host_nodes=None)
        levers = cell_node_levers(facts, cell)
        yield Rule("host-nodes", says, f"host_nodes {name}", relax, levers)


# --- the host and the policies ---


def _pool_rules(host: Host) -> Iterator[Rule]:
    for page in host.page_sizes():
        for node in host.nodes:
            pool = host.pool(node.id, page)
            free = format_size(pool.free * page)
            says = f"host node {node.id} has {pool.free} free pages of {format_size(page)} ({free})"
            relax = with_endless_pool(node.id, page)
            levers = pool_levers(host, node, page)
            facts = PoolFacts(node=node.id, page_size=page, free=pool.free)
            yield Rule("pool", says, f"pools of {page}", relax, levers, facts, about_host=True)


def _destination_rules(problem: Problem) -> Iterator[Rule]:
    for number, host in enumerate(problem.also_hosts, 1):
        says = f"the guests can migrate to host {number} of those named, and fit there as they are"
        yield Rule("destination", says, "destinations", without_destination(host))


def _policy_rules(problem: Problem, facts: Sequence[GuestFacts]) -> Iterator[Rule]:
    for number, policy in enumerate(problem.policies):
        left = policy.relaxed()
        if left == policy or isinstance(policy, NoSwap):  # without it nothing is exchanged either
            continue
        with answered_for(policy, "describe"):
            says = policy.describe() + whom(problem, policy)
        relax = with_instead(policy, left)
        levers = policy_levers(problem, facts, policy, relax)
        yield Rule(f"policy {policy.kind}", says, f"policy {number}", relax, levers)
