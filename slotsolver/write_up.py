"""From layouts to the plan that is handed out: bytes, slots, addresses, pool use, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from slotsolver.bounds import fewest_dimms, fewest_exact
from slotsolver.checker import unvouched
from slotsolver.facts import layout_options
from slotsolver.fields import made
from slotsolver.layout import CellLayout, GuestLayout
from slotsolver.place import device_window, place, settle_devices
from slotsolver.place_virtio import new_virtio, virtio_addresses
from slotsolver.plan import (
    HostUse,
    NodeUse,
    ObjectiveValue,
    Plan,
    PlannedCell,
    PlannedDimm,
    PlannedGuest,
    PlannedVirtioMem,
    PoolUse,
    SolverFacts,
    Stage,
)
from slotsolver.problem import Host, Pool, Problem
from slotsolver.running import pool_of
from slotsolver.size import MiB, format_size
from slotsolver.write_destination import destination
from slotsolver.write_running import departures, operations, planned_virtio


def write_plan(
    problem: Problem,
    layouts: Sequence[GuestLayout],
    values: Sequence[ObjectiveValue],
    proven: bool,
    stamp: SolverFacts,
) -> Plan:
    """The plan of a solution."""
    guests = tuple(_guest(layout) for layout in layouts)
    use = _host_use(problem, layouts)
    return Plan(
        status="optimal" if proven else "feasible",
        guests=guests,
        host=use,
        destinations=tuple(
            destination(host, number, layouts, guests)
            for number, host in enumerate(problem.also_hosts)
        ),
        objectives=tuple(values),
        notes=(
            *_notes(problem, layouts),
            *_unpaid_notes(use, layouts),
            *_order_notes(use, layouts),
        ),
        solver=stamp,
    )


def _guest(layout: GuestLayout) -> PlannedGuest:
    facts = layout.facts
    slots = _slots(layout)
    block = layout_block(layout, slots)
    joined = _boots_with_first(layout)
    dimms = place(layout, slots, block, joined=joined)
    virtio = _virtio(layout, slots, block, dimms)
    stages = _stages(layout)
    if joined:
        first = stages[1].model_copy(update={"name": f"{stages[0].name}+{stages[1].name}"})
        stages = (first, *stages[2:])
        virtio = tuple(v.model_copy(update={"stages": v.stages[1:]}) for v in virtio)
    return PlannedGuest(
        name=facts.guest.name,
        memory=next(s.memory for s in stages if "target" in s.name.split("+")),
        maximum=layout.maximum * MiB,
        slots=slots,
        block=block,
        step=max((d.size for d in dimms if d.state not in ("present", "unplug")), default=0),
        stages=stages,
        cells=tuple(
            made(
                PlannedCell,
                {
                    "id": number,
                    "boot": cell.boot * MiB,
                    "page_size": cell.backing.page,
                    "host_nodes": cell.backing.nodes,
                },
            )
            for number, cell in enumerate(layout.cells)
        ),
        dimms=dimms,
        virtio_mem=virtio,
        operations=operations(layout, dimms, virtio),
        wanted=facts.guest.target_size if facts.running else None,
        stranded=facts.guest.maximum_size - stages[-1].memory if facts.running else 0,
        departures=departures(layout, dimms),
    )


def _slots(layout: GuestLayout) -> int:
    """The slot count to be written: a running guest's is as it is."""
    facts = layout.facts
    if facts.running:
        return facts.slots_written
    planned = sum(len(cell.dimms) for cell in layout.cells)
    if facts.virtio_slots:
        planned += len(new_virtio(layout))
    if not planned and not facts.guest.devices and layout.maximum == layout.boot:
        return 0
    return max(facts.slots_written, planned + facts.existing_slots)


def _virtio(
    layout: GuestLayout, slots: int, block: int, dimms: Sequence[PlannedDimm]
) -> tuple[PlannedVirtioMem, ...]:
    """Every virtio-mem device; planned ones lie where QEMU puts them behind what is plugged."""
    facts = layout.facts
    if not new_virtio(layout) and all(d.model != "virtio-mem" for d in facts.guest.devices):
        return ()
    window = device_window(facts, layout.boot * MiB, layout.maximum * MiB, slots)
    there = settle_devices(facts, window, slots)
    taken = [(d.address, d.address + d.size) for d in there if d.address and d.model != "dimm"]
    taken += [
        (d.address, d.address + d.size) for d in dimms if d.state in ("present", "plugged", "plug")
    ]
    addresses = virtio_addresses(layout, window, taken, block)
    by_index = {index: device.address or 0 for index, device in enumerate(there)}
    return planned_virtio(layout, addresses, by_index)


def _boots_with_first(layout: GuestLayout) -> bool:
    """Whether freely chosen boot memory is all of the first size: one stage instead of two."""
    if layout.facts.running or len(layout.facts.stages) < 2:
        return False
    return all(cell.totals[0] == cell.totals[1] for cell in layout.cells)


def _stages(layout: GuestLayout) -> tuple[Stage, ...]:
    """The stages of the layout in bytes."""
    facts, found = layout.facts, []
    for number, stage in enumerate(facts.stages):
        cells = tuple(cell.totals[number] * MiB for cell in layout.cells)
        memory = sum(cells) + facts.outside * MiB
        found.append(made(Stage, {"name": stage.name, "memory": memory, "cells": cells}))
    return tuple(found)


def layout_block(layout: GuestLayout, slots: int) -> int:
    """The guest's memory block (bytes) under this layout."""
    facts = layout.facts
    if len(facts.blocks) == 1:
        return facts.blocks[0] * MiB
    options = layout_options(facts)
    return facts.platform.memory_block(layout.boot * MiB, layout.maximum * MiB, slots, **options)


def pages_used(
    layout: GuestLayout, cell: CellLayout, number: int, stage: int
) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Pages that a cell takes up to a stage: host nodes, page size, pages."""
    facts = layout.facts.cells[number]
    there = 0 if layout.facts.guest.running else cell.totals[0] - facts.not_pooled
    grown = cell.totals[stage] - cell.totals[0]
    backing = cell.backing
    for virtio in cell.virtio:
        raised = virtio.requested[stage] - virtio.requested[0]
        grown -= raised
        if virtio.facts.own and virtio.facts.index is not None:
            own = layout.facts.guest.devices[virtio.facts.index]
            page = own.page_size or backing.page
            yield own.host_nodes or backing.nodes, page, _pages(raised, page)
        else:
            there += raised
    for device in facts.elsewhere:
        page = device.page or backing.page
        yield device.nodes or backing.nodes, page, _pages(device.size, page)
    if facts.spread:
        if there:
            yield backing.nodes, backing.page, _pages(there, backing.page)
        for dimm in cell.dimms:
            if dimm.stage <= stage:
                yield dimm.nodes, backing.dimm_page, _pages(dimm.size, backing.dimm_page)
    elif backing.page == backing.dimm_page:
        yield backing.nodes, backing.page, _pages(there + grown, backing.page)
    else:
        yield backing.nodes, backing.page, _pages(there, backing.page)
        yield backing.nodes, backing.dimm_page, _pages(grown, backing.dimm_page)


def _pages(memory: int, page: int) -> int:
    return -(-memory * MiB // page)


def _host_use(problem: Problem, layouts: Sequence[GuestLayout]) -> HostUse | None:
    if problem.host is None:
        return None
    return host_use(problem.host, layouts)


def host_use(host: Host, layouts: Sequence[GuestLayout]) -> HostUse:
    """What the layouts take of the host where the guests are."""
    now: dict[tuple[int, int], int] = {}
    later: dict[tuple[int, int], int] = {}
    back, sizes = _returned(layouts), host.page_sizes()
    pools = {(node.id, size): host.pool(node.id, size) for node in host.nodes for size in sizes}
    free = {key: pool.free + back.get(key, 0) for key, pool in pools.items()}
    for layout in layouts:
        facts = layout.facts
        target, last = facts.target_stage, len(facts.stages) - 1
        for number, cell in enumerate(layout.cells):
            booked: dict[tuple[tuple[int, ...], int], int] = {}
            until = target if facts.cells[number].reserve == "target" else last
            for nodes, page, pages in pages_used(layout, cell, number, until):
                _take(now, free, nodes, page, pages)
                booked[nodes, page] = booked.get((nodes, page), 0) + pages
            for nodes, page, pages in pages_used(layout, cell, number, last):
                held = min(pages, booked.get((nodes, page), 0))
                booked[nodes, page] = booked.get((nodes, page), 0) - held
                _take(later, {}, nodes, page, pages - held)
    return HostUse(
        nodes=tuple(
            NodeUse(
                id=node.id,
                pools=tuple(
                    _pool_use((node.id, size), pools[node.id, size], back, now, later)
                    for size in sizes
                ),
            )
            for node in host.nodes
        )
    )


def _pool_use(
    key: tuple[int, int],
    pool: Pool,
    back: Mapping[tuple[int, int], int],
    now: Mapping[tuple[int, int], int],
    later: Mapping[tuple[int, int], int],
) -> PoolUse:
    """A pool, of which pages come back, are taken now, and are promised to later growth."""
    return made(
        PoolUse,
        {
            "page_size": pool.page_size,
            "total": pool.total,
            "free_before": pool.free,
            "free_after": pool.free + back.get(key, 0) - now.get(key, 0),
            "promised": later.get(key, 0),
        },
    )


def _returned(layouts: Sequence[GuestLayout]) -> dict[tuple[int, int], int]:
    """Pages that running guests give back, by node and page size."""
    back: dict[tuple[int, int], int] = {}
    for layout in layouts:
        facts, sizes = layout.facts, dict[int, int]()
        if not facts.running and not layout.gone:
            continue
        for index in layout.gone:
            sizes[index] = facts.guest.devices[index].size
        for virtio in (v for cell in layout.cells for v in cell.virtio):
            if facts.running and virtio.facts.index is not None:
                sizes[virtio.facts.index] = (virtio.facts.before - virtio.requested[0]) * MiB
        for index, size in sizes.items():
            pool = pool_of(facts.guest, facts.guest.devices[index], facts.host)
            if pool is not None:
                page, node = pool
                back[node, page] = back.get((node, page), 0) + size // page
    return back


def _take(
    book: dict[tuple[int, int], int],
    free: dict[tuple[int, int], int],
    nodes: tuple[int, ...],
    page: int,
    pages: int,
) -> None:
    """Book pages on the nodes in ascending order as far as these are free, the rest on the last."""
    for node in nodes:
        here = pages if node == nodes[-1] else min(pages, free.get((node, page), pages))
        book[node, page] = book.get((node, page), 0) + here
        if (node, page) in free:
            free[node, page] -= here
        pages -= here


def _notes(problem: Problem, layouts: Sequence[GuestLayout]) -> Iterator[str]:
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
        yield from _menu_note(problem, layout)


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
    back = _returned(layouts)
    for node in use.nodes if use else ():
        for pool in node.pools:
            key = node.id, pool.page_size
            if pool.free_after < back.get(key, 0):
                names = (
                    layout.facts.guest.name for layout in layouts if key in _returned([layout])
                )
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
