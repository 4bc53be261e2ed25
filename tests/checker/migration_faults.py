"""Destinations with several faults at once, and the one that libvirt 9.0 notices first."""

from __future__ import annotations

from tests.checker.migrations import (
    FIRST,
    NVDIMM,
    SECOND,
    VIRTIO_MEM,
    Replacements,
    backing,
    device,
)


def devices(*changes: tuple[str, str, str]) -> Replacements:
    """Several devices, each with a part replaced."""
    return tuple(device(*change) for change in changes)


NO_NODE = "target NUMA node needs to be specified for memory device"
TAKEN = "memory device slot '{}' is already being used by another memory device"
BEYOND = "memory device slot '{}' exceeds slots count '6'"
ANONYMOUS = backing("<hugepages/><source type='anonymous'/><allocation mode='ondemand'/>")
FEW = (("slots='6'", "slots='2'"),)
SMALL = (("'KiB'>8388608<", "'KiB'>1<"),)

SEVERAL: dict[str, tuple[Replacements, str]] = {
    "sums, then what is paired": (
        (("<memory unit='KiB'>1179648", "<memory unit='KiB'>655360"), ("slots='6'", "slots='0'")),
        "XML error: Memory size must be specified via <memory> or in the <numa> configuration",
    ),
    "what is paired, then the maximum": (
        (*SMALL, ("slots='6'", "slots='0'")),
        "XML error: both maximum memory size and memory slot count must be specified",
    ),
    "the maximum, then the count": (
        (*SMALL, *FEW),
        "XML error: maximum memory size must be equal or greater than the actual memory size",
    ),
    "the count, then slots": (
        FEW,
        "unsupported configuration: memory device count '4' exceeds slots count '2'",
    ),
    "the count, then nodes": (
        (*FEW, *devices((FIRST, "<node>0</node>", ""))),
        "unsupported configuration: memory device count '4' exceeds slots count '2'",
    ),
    "the count though a slot is free": (
        (*FEW, *devices((SECOND, "<address type='dimm' slot='3' base='0x148000000'/>", ""))),
        "unsupported configuration: memory device count '4' exceeds slots count '2'",
    ),
    "a node, then the slot": (
        (*devices((SECOND, "<node>1</node>", "")), ("slot='3'", "slot='9'")),
        f"unsupported configuration: {NO_NODE}",
    ),
    "the slot of an earlier device": (
        devices((FIRST, "slot='0'", "slot='8'"), (SECOND, "<node>1</node>", "")),
        f"unsupported configuration: {BEYOND.format(8)}",
    ),
    "a slot that a later device has": (
        devices((NVDIMM, "slot='2'", "slot='3'"), (VIRTIO_MEM, "<node>0</node>", "")),
        f"unsupported configuration: {TAKEN.format(3)}",
    ),
    "a node before that": (
        devices((NVDIMM, "slot='2'", "slot='0'"), (FIRST, "<node>0</node>", "")),
        f"unsupported configuration: {NO_NODE}",
    ),
    "a slot given twice, then one beyond": (
        devices((NVDIMM, "slot='2'", "slot='0'"), (SECOND, "slot='3'", "slot='9'")),
        f"unsupported configuration: {TAKEN.format(0)}",
    ),
    "a base given twice": (
        devices((NVDIMM, "0x160000000", "0x140000000"), (SECOND, "slot='3'", "slot='9'")),
        "unsupported configuration: memory device base '0x140000000' is already being used by "
        "another memory device",
    ),
    "slots, then pages": (
        (*ANONYMOUS, *devices((NVDIMM, "slot='2'", "slot='8'"))),
        f"unsupported configuration: {BEYOND.format(8)}",
    ),
    "pages, then nodes beyond": (
        (*ANONYMOUS, *devices((FIRST, "<node>0", "<node>8"))),
        "unsupported configuration: hugepages are not allowed with memory allocation ondemand",
    ),
    "nodes beyond, device by device": (
        devices((VIRTIO_MEM, ">2048<", ">3000<"), (NVDIMM, "<node>1", "<node>9")),
        "block size must be a power of two",
    ),
    "a node beyond, then the block": (
        devices((VIRTIO_MEM, ">2048<", ">3000<"), (FIRST, "<node>0", "<node>9")),
        "can't add memory backend for guest node '9' as the guest has only '2' NUMA nodes "
        "configured",
    ),
    "devices, then whose pages": (
        (
            *backing("<hugepages><page size='2048' nodeset='7'/></hugepages>"),
            *devices((NVDIMM, "<memory model='nvdimm'>", "<memory model='nvdimm' discard='yes'>")),
        ),
        "unsupported configuration: discard is not supported for nvdimms",
    ),
    "whose pages, then what differs": (
        (
            *backing("<hugepages><page size='2048' nodeset='7'/></hugepages>"),
            ("slots='6'", "slots='9'"),
        ),
        "hugepages: node 7 not found",
    ),
    "pages of size zero before all of these": (
        (*backing("<hugepages><page size='0'/></hugepages>"), *SMALL),
        "hugepage size can't be zero",
    ),
}
"""Changes, and what libvirt says of them."""
