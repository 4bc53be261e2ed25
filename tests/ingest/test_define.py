"""What libvirt refuses to define."""

from __future__ import annotations

import pytest

from slotsolver.errors import InputError
from slotsolver.ingest.define import check_definable
from slotsolver.ingest.domain import read_domain

CELL = "<cell id='{}' cpus='{}' memory='1048576'/>"
TWO = CELL.format(0, "0-1") + CELL.format(1, "2-3")


def numa(cells: str = TWO) -> str:
    """The CPU element with these cells."""
    return f"<cpu><numa>{cells}</numa></cpu>"


def memory(inside: str, *, maximum: str = "slots='2'>8388608", model: str = "dimm") -> str:
    """Two cells, a maximum, and one device with these elements; ``@`` separates devices."""
    devices = "".join(f"<memory model='{model}'>{d}</memory>" for d in inside.split("@"))
    limit = f"<maxMemory {maximum}</maxMemory>" if maximum else ""
    return f"{numa()}{limit}<devices>{devices}</devices>"


def target(rest: str = "<node>0</node>", size: int = 524288) -> str:
    """The target of a device."""
    return f"<target><size>{size}</size>{rest}</target>"


def slot(number: int, base: str = "") -> str:
    """A target on cell 0 with a slot."""
    return f"{target()}<address type='dimm' slot='{number}' {base}/>"


TUNE = numa() + "<numatune>{}</numatune>"
MEMNODE = TUNE.format("<memnode cellid='{}' mode='strict' {}/>")
PAGES = numa() + "<memoryBacking><hugepages>{}</hugepages></memoryBacking>"
VIRTIO = target("<node>0</node><block>{}</block><requested>{}</requested>")

REFUSED = [
    (numa(""), "NUMA topology defined without NUMA cells"),
    (numa(CELL.format(0, 0) + CELL.format(2, 1)), "non-contiguous ranges"),
    (numa(CELL.format(0, 0) + CELL.format(0, 1)), "Duplicate NUMA cell info for cell id '0'"),
    (
        numa(CELL.format(0, "0-1") + CELL.format(1, "1-2")),
        "unsupported configuration: NUMA cells 1 and 0 have overlapping vCPU ids",
    ),
    (numa("<cell cpus='0'/>"), "missing element or attribute './@memory'"),
    (numa("<cell cpus='0' memory='0'/>"), "doesn't take value '0'"),
    (numa(CELL.format(0, "0-4")), "Number of CPUs in <numa> exceeds the <vcpu> count"),
    (numa(CELL.format(0, "4")), "CPU IDs in <numa> exceed the <vcpu> count"),
    (numa("<cell memory='1'/>" * 129), "Max number of NUMA nodes reached: 128"),
    (
        numa("<cell memory='1'><distances><sibling id='1' value='20'/></distances></cell>"),
        "'sibling_id 1' does not refer to a valid cell",
    ),
    (
        numa("<cell memory='1'><distances><sibling id='0' value='20'/></distances></cell>"),
        "'value 20' is invalid for 'sibling id 0'",
    ),
    (TUNE.format("<memory mode='foo' nodeset='0'/>"), "Unsupported NUMA memory tuning mode 'foo'"),
    (TUNE.format("<memory mode='strict'/>"), "nodeset for NUMA memory tuning must be set"),
    (TUNE.format("<memory nodeset='0,^0'/>"), "Invalid value of 'nodeset'"),
    (TUNE.format("<memory placement='no' nodeset='0'/>"), "placement mode 'no'"),
    (
        TUNE.format("<memory placement='auto'/><memnode cellid='0' nodeset='0'/>"),
        "Per-node binding is not compatible with automatic NUMA placement.",
    ),
    (
        TUNE.format(
            "<memory mode='restrictive' nodeset='0'/>"
            "<memnode cellid='0' mode='strict' nodeset='0'/>"
        ),
        "'restrictive' mode is required in memnode element",
    ),
    (MEMNODE.format(2, "nodeset='0'"), "must correspond to existing guest's NUMA cell"),
    (MEMNODE.format(0, ""), "Missing required nodeset attribute in memnode element"),
    (MEMNODE.format(0, "nodeset='^0'"), "Invalid value of 'nodeset'"),
    (TUNE.format("<memnode mode='strict' nodeset='0'/>"), "Missing required attribute 'cellid'"),
    (
        TUNE.format("<memnode cellid='1' nodeset='0'/>" * 2),
        "Multiple memnode elements with cellid 1",
    ),
    (
        "<memory>1</memory><numatune><memnode cellid='0' nodeset='0'/></numatune>",
        "Element 'memnode' is invalid without any guest NUMA cells",
    ),
    (
        PAGES.format("<page size='2048'/><page size='1048576'/>"),
        "two master hugepages detected: 1048576 and 2048",
    ),
    (
        PAGES.format("<page size='1048576' nodeset='0-1'/><page size='2048' nodeset='1'/>"),
        "nodeset attribute of hugepages of sizes 2048 and 1048576 intersect",
    ),
    (PAGES.format("<page size='2048' nodeset='1,5'/>"), "hugepages: node 5 not found"),
    (PAGES.format("<page size='0'/>"), "hugepage size can't be zero"),
    (PAGES.format("<page nodeset='0'/>"), "missing element or attribute './@size'"),
    (PAGES.format("<page size='2048' nodeset='^0'/>"), "Invalid value of 'nodeset'"),
    (
        numa() + "<memoryBacking><hugepages/><allocation mode='ondemand'/></memoryBacking>",
        "hugepages are not allowed with memory allocation ondemand",
    ),
    (
        numa() + "<memoryBacking><hugepages/><source type='anonymous'/></memoryBacking>",
        "hugepages are not allowed with anonymous memory source",
    ),
    ("", "Memory size must be specified via <memory> or in the <numa> configuration"),
    (
        "<memory>1</memory><maxMemory slots='1'>9</maxMemory><devices><memory model='dimm'>"
        "<target><size>2</size></target></memory></devices>",
        "Total size of memory devices exceeds the total memory size",
    ),
    (numa() + "<maxMemory slots='2'>0</maxMemory>", "both maximum memory size and memory slot"),
    (
        numa() + "<maxMemory slots='2'>2097151</maxMemory>",
        "maximum memory size must be equal or greater than the actual memory size",
    ),
    (memory(slot(2)), "memory device slot '2' exceeds slots count '2'"),
    (memory(slot(1) + "@" + slot(1)), "memory device slot '1' is already being used"),
    (
        memory(slot(0, "base='100000000'") + "@" + slot(1, "base='0x100000000'")),
        "memory device base '0x100000000' is already being used",
    ),
    (memory("@".join([target()] * 3)), "failed to find an empty memory slot"),
    (
        memory(target(), model="ddr"),
        "Invalid value for attribute 'model' in element 'memory': 'ddr'",
    ),
    (memory("<target><node>0</node></target>"), "missing element or attribute './size'"),
    (memory(target(size=0)), "a memory device of size 0"),
    (memory(target(), maximum=""), "when domain 'maxMemory' is not defined"),
    (memory("<source><nodemask>^0</nodemask></source>" + target()), "Invalid value of 'nodemask'"),
    (memory(target("")), "target NUMA node needs to be specified for memory device"),
    (
        memory(target("<node>2</node>")),
        "can't add memory backend for guest node '2' as the guest has only '2' NUMA nodes",
    ),
    (memory(target(), model="nvdimm"), "path is required for model 'nvdimm'"),
    (
        memory(
            "<source><path>/x</path></source>"
            + target("<node>0</node><label><size>127</size></label>"),
            model="nvdimm",
        ),
        "nvdimm label must be at least 128KiB",
    ),
    (
        memory(
            "<source><path>/x</path></source>"
            + target("<node>0</node><label><size>524288</size></label>"),
            model="nvdimm",
        ),
        "label size must be smaller than NVDIMM size",
    ),
    (memory(target(), model="virtio-pmem"), "virtio-pmem does not support NUMA nodes"),
    (
        memory(VIRTIO.format(2048, 1048576), model="virtio-mem"),
        "requested size must be smaller than or equal to @size (524288KiB)",
    ),
    (memory(VIRTIO.format(3000, 0), model="virtio-mem"), "block size must be a power of two"),
    (
        memory(VIRTIO.format(4096, 2048), model="virtio-mem"),
        "requested size must be an integer multiple of block size",
    ),
]


@pytest.mark.parametrize(("inside", "text"), REFUSED)
def test_what_libvirt_refuses_is_refused_with_its_text(inside: str, text: str) -> None:
    """Every rule broken is one InputError with source, line and libvirt's words."""
    xml = f"<domain>\n<vcpu>4</vcpu>\n{inside}\n</domain>"
    domain = read_domain(xml.encode(), source="g.xml")
    with pytest.raises(InputError) as caught:
        check_definable(domain, source="g.xml")
    assert text in caught.value.message
    assert caught.value.source == "g.xml"
    assert caught.value.place in ("line 1", "line 3")


@pytest.mark.parametrize(
    "inside",
    [
        numa(),
        numa(CELL.format(1, "0-1") + CELL.format(0, "2-3")),
        numa("<cell memory='1'/>" + CELL.format(1, "0-3")),
        PAGES.format("<page size='1048576'/><page size='2048' nodeset='0'/>"),
        "<memory>1</memory><memoryBacking><hugepages><page size='2048' nodeset='0'/></hugepages>"
        "</memoryBacking>",
        TUNE.format("<memory placement='auto' nodeset='0'/>"),
        TUNE.format("<memnode cellid='1' mode='restrictive' nodeset='0-3'/>"),
        memory(target() + "@" + slot(0)),
        memory(VIRTIO.format(2048, 4096), model="virtio-mem", maximum=">8388608"),
        memory("@".join([VIRTIO.format(2048, 0)] * 3), model="virtio-mem"),
        numa() + "<maxMemory slots='2'>2097152</maxMemory>",
    ],
)
def test_what_some_libvirt_accepts_is_accepted(inside: str) -> None:
    """Nothing is refused that any version of libvirt takes."""
    xml = f"<domain>\n<vcpu>4</vcpu>\n{inside}\n</domain>"
    check_definable(read_domain(xml.encode(), source="g.xml"), source="g.xml")
