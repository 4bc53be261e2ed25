"""QEMU's choice of slot and address: the lowest free slot, the first gap that fits, going up."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from slotsolver.platforms.ranges import Range, align_up, wrap64

_FRAGMENTED = (
    "could not find position in guest address space for memory device - "
    "memory fragmented due to alignments"
)


class QemuRefusalError(Exception):
    """QEMU refuses; the message is its text, word for word.

    Never leaves :meth:`slotsolver.platforms.device_memory.DeviceMemory.plug`, which returns it.
    """


def free_slot(slots: int, used: Collection[int], hint: int = -1) -> int:
    """The slot a DIMM gets: ``hint``, or for -1 the lowest free one.

    Raises :class:`QemuRefusalError` (QEMU 7.2 hw/mem/pc-dimm.c:pc_dimm_pre_plug and
    pc_dimm_get_free_slot).
    """
    if hint != -1 and not 0 <= hint < slots:
        last = wrap64(slots - 1)
        raise QemuRefusalError(f"invalid slot number {hint}, valid range is [0-{last}]")
    if slots == 0:
        raise QemuRefusalError("no slots where allocated, please specify the 'slots' option")
    if hint != -1:
        if hint in used:
            raise QemuRefusalError(f"slot {hint} is busy")
        return hint
    for slot in range(slots):
        if slot not in used:
            return slot
    raise QemuRefusalError("no free slots available")


def free_address(
    window: Range, devices: Iterable[tuple[Range, str]], align: int, size: int, hint: int = 0
) -> int:
    """The address a device gets: ``hint``, or for 0 the first that fits, going up.

    ``devices`` are the ranges in use with their ids. Alignment of ``hint`` and ``size`` is the
    caller's check. Raises :class:`QemuRefusalError` (QEMU 7.2 and 11.1
    hw/mem/memory-device.c:memory_device_get_free_addr).
    """
    new = Range(hint or align_up(window.base, align), size)
    if hint and not window.contains(new):
        raise QemuRefusalError(
            f"can't add memory device [0x{hint:x}:0x{size:x}], usable range for memory devices "
            f"[0x{window.base:x}:0x{window.size:x}]"
        )
    if new.end > 1 << 64:
        raise QemuRefusalError("can't add memory device, device too big")
    for used, device_id in sorted(devices):
        if used.overlaps(new):
            if hint:
                raise QemuRefusalError(
                    f"address range conflicts with memory device id='{device_id}'"
                )
            new = Range(align_up(used.end, align), size)
            if new.base == 0 or new.end > 1 << 64:
                raise QemuRefusalError(_FRAGMENTED)
        elif used.base >= new.end:
            break
    if not window.contains(new):
        raise QemuRefusalError(_FRAGMENTED)
    return new.base
