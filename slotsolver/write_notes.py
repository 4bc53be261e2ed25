"""The notes of a plan: what is not known, not considered, or not obvious."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from slotsolver.bounds import fewest_dimms, fewest_exact
from slotsolver.checker import unvouched
from slotsolver.facts import layout_options
from slotsolver.fields import format_ids
from slotsolver.layout import GuestLayout
from slotsolver.plan import (
    HostUse,
)
from slotsolver.problem import NumaMode, Problem
from slotsolver.size import MiB, format_size
from slotsolver.write_host import returned


def notes(problem: Problem, layouts: Sequence[GuestLayout], use: HostUse | None) -> Iterator[str]:
    """What a person should know about a plan that it does not say by itself."""
    if problem.host is not None and not problem.host.free_known:
        yield (
            "the host's free pages are not known, everything is taken as free; "
            "give the output of `virsh freepages --all` with --free"
        )
    yield from unvouched(problem)
    for layout in layouts:
        yield from layout.facts.notes
        yield from _nameless_note(layout)
        yield from _cliff_note(layout)
        yield from _choice_note(layout)
        yield from _menu_note(problem, layout)
    yield from _unpaid_notes(use, layouts)
    yield from _order_notes(use, layouts)


def _unpaid_notes(use: HostUse | None, layouts: Sequence[GuestLayout]) -> Iterator[str]:
    """Where the pools do not hold what running guests still need to reach their maxima."""
    if not any(layout.facts.running for layout in layouts):
        return
    for node in use.nodes if use else ():
        for pool in node.pools:
            if pool.promised > pool.free_after:
                short = pool.promised - pool.free_after
                yield (
                    f"growth to the maximum needs {short} more pages of "
                    f"{format_size(pool.page_size)} ({format_size(short * pool.page_size)}) on "
                    f"host node {node.id} than will be free there"
                )


def _order_notes(use: HostUse | None, layouts: Sequence[GuestLayout]) -> Iterator[str]:
    """Where a pool does not hold what is taken of it before something is given back: one guest's
    operations give back first, but those of several have no order among each other."""
    if len(layouts) < 2:
        return
    back = returned(layouts)
    for node in use.nodes if use else ():
        for pool in node.pools:
            key = node.id, pool.page_size
            if pool.free_after < back.get(key, 0):
                names = (layout.facts.guest.name for layout in layouts if key in returned([layout]))
                yield (
                    f"pages of {format_size(pool.page_size)} on host node {node.id} are taken that "
                    f"{', '.join(names)} must give back first: unplug everything that goes, of all "
                    f"guests, before anything is plugged or started"
                )


def _nameless_note(layout: GuestLayout) -> Iterator[str]:
    """Say which devices of a running guest can only stay as they are."""
    guest = layout.facts.guest
    if not guest.running:
        return
    names = [
        f"its {d.model}" if d.slot is None else f"its {d.model} in slot {d.slot}"
        for d in guest.devices
        if d.is_ram and d.nameless
    ]
    if names:
        yield (
            f"guest {guest.name}: {', '.join(names)} has no id in QEMU and so cannot be unplugged "
            f"or changed"
        )


def _cliff_note(layout: GuestLayout) -> Iterator[str]:
    """Say where boot memory was chosen to keep the guest's memory block small."""
    facts = layout.facts
    if len(facts.blocks) == 1:
        return
    stage = facts.target_stage
    target = sum(cell.totals[stage] for cell in layout.cells)
    if layout.boot == target:
        return
    options = layout_options(facts)
    maximum = layout.maximum * MiB
    there = facts.platform.memory_block(target * MiB, maximum, 0, **options)
    here = facts.platform.memory_block(layout.boot * MiB, maximum, 0, **options)
    if here < there:
        yield (
            f"guest {facts.guest.name} boots with {format_size(layout.boot * MiB)} instead of "
            f"{format_size(target * MiB)}: with all of it as boot memory the guest's memory block "
            f"would be {format_size(there)}, so it keeps {format_size(here)} steps"
        )


def _menu_note(problem: Problem, layout: GuestLayout) -> Iterator[str]:
    """Say that only some sizes were considered, where others might have taken fewer slots.

    The bound is that of the cells' totals where balance settles these, else of the guest's sizes:
    one DIMM at least for each stage.
    """
    if layout.considered is None:
        return
    named = [objective.kind for objective in problem.objectives]
    balanced = any(policy.kind == "balance" for policy in layout.facts.policies)
    if named and named[0] != "least-imbalance" and not balanced and len(layout.cells) > 1:
        fewest = len(layout.facts.stages) - 1
        if sum(len(cell.dimms) for cell in layout.cells) > fewest:
            yield _over_sizes(layout)
        return
    if any(cell.virtio for cell in layout.cells):
        return
    planned = least = 0
    for cell, facts in zip(layout.cells, layout.facts.cells, strict=True):
        planned += len(cell.dimms)
        largest = max((dimm.size for dimm in cell.dimms), default=1)
        steps = pairwise(cell.totals)
        by_size = sum(fewest_dimms(facts, after - b, b, largest) for b, after in steps)
        growth = cell.totals[-1] - cell.totals[0]
        least += max(by_size, fewest_exact(facts.exact_step, growth) if facts.exact_step else 0)
    if planned > least:
        yield _over_sizes(layout)


def _over_sizes(layout: GuestLayout) -> str:
    return (
        f"guest {layout.facts.guest.name}: optimal over {layout.considered} DIMM sizes, not over "
        f"every legal one; policy `sizes` with `allowed` names others"
    )


def _choice_note(layout: GuestLayout) -> Iterator[str]:
    """Say of which cells the kernel chooses the host nodes: the tables show one way of several."""
    guest = layout.facts.guest
    everywhere = {node for cell in layout.cells for node in cell.backing.nodes}
    chosen: dict[tuple[NumaMode, str], list[int]] = {}
    for facts, cell in zip(layout.facts.cells, layout.cells, strict=True):
        mode = guest.mode_of(facts.id)
        nodes = everywhere if mode == "restrictive" else set(cell.backing.nodes)
        turns = mode == "interleave" and cell.backing.page != layout.facts.platform.base_page
        if len(nodes) > 1 and not (turns and not facts.virtio):
            chosen.setdefault((mode, format_ids(nodes)), []).append(facts.id)
    for (mode, named), cells in chosen.items():
        binds = ", since mode restrictive binds no memory" if mode == "restrictive" else ""
        yield (
            f"guest {guest.name}: which of host nodes {named} pays for cell "
            f"{', '.join(map(str, cells))} is the kernel's choice{binds}; what is said of single "
            f"pools is one way of several"
        )
