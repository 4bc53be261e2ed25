"""From a problem to the facts of its guests: read the problem, the platform and the policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from slotsolver.cell_facts import CellFacts, Elsewhere, VirtioFacts, no_cpus_there
from slotsolver.errors import InputError
from slotsolver.facts import (
    X86_BLOCKS,
    GuestFacts,
    StageFacts,
    block_cliff,
    insert_stage,
    layout_options,
    to_mib,
)
from slotsolver.kinds import answered_for, is_built_in
from slotsolver.platforms import Platform, Version, platform_for
from slotsolver.platforms.versions import (
    LIBVIRT_EMULATORPIN_THREAD_CONTEXT,
    LIBVIRT_VIRTIO_MEM_ADDRESS,
    QEMU_THREAD_CONTEXT,
)
from slotsolver.problem import AtLeast, Cell, Device, Guest, Host, Problem
from slotsolver.running import RunningFacts, running_facts, virtio_number
from slotsolver.size import MiB, format_size


def gather(problem: Problem) -> tuple[GuestFacts, ...]:
    """The facts of every guest of a problem, narrowed by the policies."""
    own = [is_built_in(type(policy)) for policy in problem.policies]
    return tuple(_gather_guest(problem, guest, own) for guest in problem.guests)


def _gather_guest(problem: Problem, guest: Guest, own: Sequence[bool]) -> GuestFacts:
    """The facts of one guest; ``own`` says of each policy whether it is one of slotsolver's."""
    platform = platform_for(guest.machine)
    outside = sum([to_mib(d.size) for d in guest.devices if not d.is_ram])
    counted = (
        guest.devices
        if problem.libvirt_version < (9, 5)
        else [d for d in guest.devices if d.takes_slot]
    )
    mine = [(p, known) for p, known in zip(problem.policies, own, strict=True) if p.concerns(guest)]
    ways = _Ways(problem, guest, platform)
    facts = GuestFacts(
        guest=guest,
        host=problem.host,
        platform=platform,
        policies=tuple([policy for policy, _ in mine]),
        cells=tuple([_gather_cell(problem, guest, cell, ways) for cell in guest.cells]),
        stages=[],
        outside=outside,
        slot_limit=min(platform.max_slots, guest.slots if guest.slots is not None else 1 << 16),
        existing_slots=len(counted),
        slots_written=_slots_named(guest),
        blocks=(),
        shares=(1,) * len(guest.cells),
        running=running_facts(guest, problem.host),
        virtio_slots=problem.libvirt_version < (9, 5),
        virtio_pinned=LIBVIRT_VIRTIO_MEM_ADDRESS.in_version(Version.parse(problem.libvirt)),
    )
    facts.stages = _running_stages(facts) if facts.running else _stages(facts)
    facts.blocks = _blocks(facts)
    for policy, known in mine:
        if known:
            policy.restrict(facts)
            continue
        with answered_for(policy, "restrict"):
            policy.restrict(facts)
    if facts.running:
        _settle_running(facts, facts.running)
    for cell in facts.cells:
        cell.blocks = facts.blocks
        _pages_within_blocks(guest, cell)
    return facts


def _pages_within_blocks(guest: Guest, cell: CellFacts) -> None:
    """A planned virtio-mem device has no pages larger than its blocks (QEMU hw/virtio/virtio-mem.c:
    "'block-size' property has to be at least the page size")."""
    for device in cell.virtio:
        pages = tuple(page for page in cell.pages if page <= device.block * MiB)
        if device.index is not None or device.fixed or pages == cell.pages:
            continue
        if not pages:
            raise InputError(
                f"policy device: cell {cell.id} of guest {guest.name} has pages of "
                f"{format_size(min(cell.pages))}; a virtio-mem block of "
                f"{format_size(device.block * MiB)} cannot be smaller, give `block`"
            )
        cell.pages = pages


def _slots_named(guest: Guest) -> int:
    """The slot count that the guest states, or that its devices' slot numbers need."""
    highest = max(
        (d.slot for d in guest.devices if d.takes_slot and d.slot is not None), default=-1
    )
    if guest.slots is None:
        return highest + 1
    if highest >= guest.slots:
        raise InputError(
            f"guest {guest.name}: memory device slot '{highest}' exceeds slots count "
            f"'{guest.slots}'"
        )
    return guest.slots


class _Ways:
    """What all cells of a guest have in common: the pages and host nodes that back one that asks
    for none, and the devices of each cell that give it memory, by its id."""

    def __init__(self, problem: Problem, guest: Guest, platform: Platform) -> None:
        self.host = host = problem.host
        self.platform = platform
        self.pages = host.usable_pages if host else (platform.base_page,)
        self.nodes: tuple[tuple[int, ...], ...] = ((),)
        if host and guest.host_nodes is not None:
            self.nodes = tuple([(node,) for node in guest.host_nodes])
        elif host:
            self.nodes = tuple([(node.id,) for node in host.nodes])
        self.no_prealloc: frozenset[int] = frozenset()
        threads = QEMU_THREAD_CONTEXT.in_version(Version.parse(problem.qemu))
        if host and not guest.running and threads:
            self.no_prealloc = host.without_cpus | _not_run_on(problem, guest, host)
        self.devices: dict[int, list[Device]] = {}
        for device in guest.devices:
            if device.is_ram:
                self.devices.setdefault(device.cell or 0, []).append(device)


def _gather_cell(problem: Problem, guest: Guest, cell: Cell, ways: _Ways) -> CellFacts:
    mine = ways.devices.get(cell.id, [])
    boot = None if cell.memory is None else to_mib(cell.memory)
    if boot is None and guest.boot is not None and len(guest.cells) == 1:
        boot = to_mib(guest.boot)
    pages, reason = ways.pages, ""
    if cell.page_size is not None:
        pages, reason = (
            (cell.page_size,),
            f"its memory backing requires {format_size(cell.page_size)}",
        )
    own = [_grain(d) for d in mine if d.page_size is None]
    if boot is not None and not (guest.xml is not None and problem.qemu_version < (8,)):
        own.append(boot * MiB)
    fitting = tuple([page for page in pages if not any(grain % page for grain in own)])
    pages = fitting or pages
    no_prealloc = frozenset() if guest.mode_of(cell.id) == "restrictive" else ways.no_prealloc
    fixed = [d for d in mine if d.model != "virtio-mem"]
    for device in fixed if no_prealloc else ():
        if device.host_nodes and no_prealloc.issuperset(device.host_nodes):
            pages = _not_preallocated(guest, cell, device, ways, pages)
    facts = CellFacts(
        cell=cell,
        whole=tuple(own),
        boot=boot,
        existing=sum([to_mib(d.memory) for d in mine]),
        not_pooled=sum([to_mib(d.memory) - _ordinary(d) for d in mine]),
        virtio=tuple(_virtio(guest, cell)) if mine else (),
        elsewhere=() if guest.running else tuple(_elsewhere(mine)),
        platform=ways.platform,
        pages=pages,
        nodes=ways.nodes if ways.host is None or cell.host_nodes is None else (cell.host_nodes,),
        page_reason=reason,
        no_prealloc=no_prealloc,
        immediate=guest.immediate
        or any(
            d.page_size not in (None, ways.platform.base_page) for d in fixed if not d.host_nodes
        ),
    )
    if not fitting:
        facts.check_page(pages[0])
    return facts


def _not_run_on(problem: Problem, guest: Guest, host: Host) -> frozenset[int]:
    """Host nodes on whose CPUs QEMU's threads may not run, so that none can preallocate there."""
    allowed = guest.emulator_cpus
    cut = LIBVIRT_EMULATORPIN_THREAD_CONTEXT.in_version(Version.parse(problem.libvirt))
    if allowed is None or cut:
        return frozenset()
    return frozenset(n.id for n in host.nodes if n.cpus and not set(n.cpus) & set(allowed))


def _not_preallocated(
    guest: Guest, cell: Cell, device: Device, ways: _Ways, pages: tuple[int, ...]
) -> tuple[int, ...]:
    """The pages that a cell may have for the sake of a device of it, which is on host nodes where
    nothing can be preallocated."""
    base = ways.platform.base_page
    kept = pages if device.page_size == base else tuple(p for p in pages if p == base)
    if guest.immediate or device.page_size not in (None, base) or not kept:
        raise no_cpus_there(cell.id, device.page_size or max(pages), device.host_nodes or ())
    return kept


def _grain(device: Device) -> int:
    """What the pages of a device must divide (bytes): a DIMM's size, a virtio-mem's block."""
    if device.model == "virtio-mem":
        return device.block or 2 * MiB
    return device.size


def _virtio(guest: Guest, cell: Cell) -> Iterator[VirtioFacts]:
    """The virtio-mem devices that a cell has."""
    every = [(i, d) for i, d in enumerate(guest.devices) if d.model == "virtio-mem"]
    for number, (index, device) in enumerate(every):
        if (device.cell or 0) != cell.id:
            continue
        yield VirtioFacts(
            number=virtio_number(device, number),
            index=index,
            size=device.size // MiB,
            block=_grain(device) // MiB,
            before=to_mib(device.memory),
            own=device.page_size is not None or device.host_nodes is not None,
            fixed=device.nameless,
        )


def _ordinary(device: Device) -> int:
    """Memory (MiB) of an existing device that comes from its cell's own pool."""
    if device.page_size is not None or device.host_nodes is not None:
        return 0
    return to_mib(device.memory)


def _elsewhere(devices: Iterable[Device]) -> Iterator[Elsewhere]:
    for device in devices:
        if device.page_size is not None or device.host_nodes is not None:
            yield Elsewhere(to_mib(device.memory), device.page_size, device.host_nodes)


def _settle_running(facts: GuestFacts, running: RunningFacts) -> None:
    """What follows for a running guest once all policies are known."""
    facts.stages = _running_stages(facts)
    running.orders = [policy.groups(facts) for policy in running.order_policies]
    unseen = [d for d in facts.guest.devices if d.model == "virtio-mem" and not d.address]
    if unseen and any(cell.allowed != frozenset() for cell in facts.cells):
        raise InputError(
            f"guest {facts.guest.name}: its virtio-mem device has no address in the XML (libvirt "
            f"shows it from 9.4 on), so no address for a DIMM is certain; give what QEMU answers "
            f"to query-memory-devices with --qmp, or use the device alone: --policy "
            f"device=virtio-mem"
        )


def _running_stages(facts: GuestFacts) -> list[StageFacts]:
    """What stays, the target, waypoints above it, the maximum; only a target that is to be met
    exactly and waypoints are known sizes."""
    running = facts.running
    assert running is not None  # noqa: S101 - asked for running guests only
    target = StageFacts("target", None)
    if running.accept == "exact":
        target = StageFacts("target", running.wanted - facts.outside, running.wanted_cells)
    ways = sorted({to_mib(w) - facts.outside for w in facts.guest.waypoints} | {*facts.waypoints})
    later = [StageFacts("waypoint", w) for w in ways if w > running.wanted - facts.outside]
    return [StageFacts("kept", None), target, *later, StageFacts("maximum", None)]


def _stages(facts: GuestFacts) -> list[StageFacts]:
    """Boot, target, waypoints and maximum, ascending by size."""
    guest, outside = facts.guest, facts.outside
    boot = facts.boot
    if boot is None and guest.boot is not None:
        boot = to_mib(guest.boot)
    stages = [StageFacts("boot", None if boot is None else boot + facts.existing)]
    cells = None
    if isinstance(guest.target, dict):
        cells = tuple(to_mib(guest.target[c.id]) for c in guest.cells)
    insert_stage(stages, StageFacts("target", to_mib(guest.target_size) - outside, cells))
    for size in guest.waypoints:
        insert_stage(stages, StageFacts("waypoint", to_mib(size) - outside))
    at_least = isinstance(guest.maximum, AtLeast)
    top = StageFacts("maximum", to_mib(guest.maximum_size) - outside)
    last = stages[-1].memory
    if at_least and last is not None and (top.memory or 0) > last:
        top.at_least = True
        stages.append(top)
    else:
        insert_stage(stages, top)
    return stages


def _blocks(facts: GuestFacts) -> tuple[int, ...]:
    """The memory blocks (MiB) the guest OS may come to use, ascending; one where boot is known.

    Whether AMD relocation happens depends on the slot count, which is still open; where that makes
    a difference the larger block is taken, whose multiples suit both.
    """
    boot, platform = facts.stages[0].memory, facts.platform
    options, maximum = layout_options(facts), facts.guest.maximum_size
    if boot is not None or facts.running:
        ram = (facts.boot or 0) * MiB if facts.running else ((boot or 0) - facts.existing) * MiB
        # Without AMD relocation the block hangs on boot memory alone.
        counts = {0, facts.slots_written, facts.slot_limit} if options["amd"] else {0}
        found = [platform.memory_block(ram, maximum, slots, **options) for slots in counts]
        return (max(found) // MiB,)
    target = (facts.stages[facts.target_stage].memory or 0) * MiB
    if platform.arch == "x86_64" and target >= block_cliff(facts) * MiB:
        return X86_BLOCKS
    return (platform.memory_block(target, **options) // MiB,)
