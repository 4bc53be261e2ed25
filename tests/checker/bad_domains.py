"""Domain XMLs that libvirt, QEMU or the guest refuse, each with the rule that it breaks.

Made from the good domain by changing one part. The tests of the checker look for the rule, the
tests with a real libvirt for the text.
"""

from __future__ import annotations

from slotsolver.size import MiB
from tests.checker.domains import CELLS, DIMMS, at, changed, dimm

MEMORY = "<memory unit='MiB'>768</memory>"
MAXIMUM = "<maxMemory slots='4' unit='GiB'>8</maxMemory>"
ONE, TWO = dimm(128, 0, address=at(0)), dimm(128, 1, address=at(1))
VIRTIO_MEM = (
    "<memory model='virtio-mem'><target><size unit='MiB'>{size}</size><node>0</node>"
    "{rest}</target></memory>"
)


def cells(*xml: str) -> str:
    """The good domain with other cells."""
    return changed((CELLS, "\n".join(xml)))


def devices(*xml: str, maximum: str = MAXIMUM, memory: str = MEMORY) -> str:
    """The good domain with other memory devices."""
    return changed((DIMMS, "\n".join(xml)), (MAXIMUM, maximum), (MEMORY, memory))


def tuned(numatune: str = "", backing: str = "") -> str:
    """The good domain with ``<numatune>`` and ``<memoryBacking>``."""
    extra = (f"<memoryBacking>{backing}</memoryBacking>" if backing else "") + (
        f"<numatune>{numatune}</numatune>" if numatune else ""
    )
    return changed(("<os>", f"{extra}<os>"))


def cell(
    number: int, cpus: str = "", memory: str = " memory='256' unit='MiB'", more: str = ""
) -> str:
    """The XML of a cell."""
    return f"<cell id='{number}'{cpus and f' cpus={cpus!r}'}{memory}>{more}</cell>"


def virtio_mem(size: int, rest: str) -> str:
    """The good domain with a virtio-mem device instead of DIMMs."""
    return devices(VIRTIO_MEM.format(size=size, rest=rest))


NO_CELLS = changed((f"<numa>\n      {CELLS}\n    </numa>", ""))
PAGE_2M, PAGE_1G = "<page size='2048'{}/>", "<page size='1048576'{}/>"

REFUSED_BY_DEFINE: dict[str, str] = {
    "cell without memory": cells(cell(0, "0-1", ""), cell(1, "2-3")),
    "gap in cell ids": cells(cell(0, "0-1"), cell(2, "2-3")),
    "cell twice": cells(cell(0, "0-1"), cell(0, "2-3")),
    "overlapping cpus": cells(cell(0, "0-2"), cell(1, "2-3")),
    "more cpus than vcpus": cells(cell(0, "0-3"), cell(1, "4-7")),
    "cpu id beyond vcpus": cells(cell(0, "0-1"), cell(1, "7")),
    "no cells in numa": cells(""),
    "distance below 10": cells(
        cell(0, "0-1", more="<distances><sibling id='1' value='9'/></distances>"), cell(1, "2-3")
    ),
    "local distance": cells(
        cell(0, "0-1", more="<distances><sibling id='0' value='11'/></distances>"), cell(1, "2-3")
    ),
    "distance to nowhere": cells(
        cell(0, "0-1", more="<distances><sibling id='5' value='21'/></distances>"), cell(1, "2-3")
    ),
    "unknown tuning mode": tuned("<memory mode='foo' nodeset='0'/>"),
    "strict without nodeset": tuned("<memory mode='strict'/>"),
    "memnode with auto": tuned(
        "<memory mode='strict' placement='auto'/><memnode cellid='0' mode='strict' nodeset='0'/>"
    ),
    "memnode of no cell": tuned("<memnode cellid='5' mode='strict' nodeset='0'/>"),
    "memnode twice": tuned("<memnode cellid='1' mode='strict' nodeset='0'/>" * 2),
    "memnode without cellid": tuned("<memnode mode='strict' nodeset='0'/>"),
    "memnode without nodeset": tuned("<memnode cellid='0' mode='strict'/>"),
    "memnode without cells": NO_CELLS.replace(
        "<os>", "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune><os>"
    ),
    "half restrictive": tuned(
        "<memory mode='restrictive' nodeset='0'/><memnode cellid='0' mode='strict' nodeset='0'/>"
    ),
    "unknown model": devices("<memory model='ddr'><target><size>131072</size></target></memory>"),
    "device without size": devices("<memory model='dimm'><target><node>0</node></target></memory>"),
    "devices exceed memory": NO_CELLS.replace(MEMORY, "<memory unit='MiB'>128</memory>"),
    "no memory at all": NO_CELLS.replace(MEMORY, "").replace(DIMMS, "").replace(MAXIMUM, ""),
    "maximum without slots": changed((" slots='4'", "")),
    "no slots": changed(("slots='4'", "slots='0'")),
    "maximum is 0": changed(("'GiB'>8<", "'GiB'>0<")),
    "maximum below memory": changed(("'GiB'>8<", "'MiB'>512<")),
    "device without maximum": changed((MAXIMUM, "")),
    "hotplug without cells": NO_CELLS,
    "device without node": devices(dimm(128, None)),
    "device on a missing cell": devices(dimm(128, 2)),
    "too many dimms": devices(*[dimm(128)] * 5),
    "slot beyond count": devices(dimm(128, address=at(4))),
    "slot twice": devices(ONE, dimm(128, address=at(0))),
    "base twice": devices(dimm(128, address=at(0, 1 << 32)), dimm(128, address=at(1, 1 << 32))),
    "all devices count": devices(
        *[VIRTIO_MEM.format(size=128, rest="<block unit='MiB'>2</block><requested>0</requested>")]
        * 5
    ),
    "two master pages": tuned(
        backing=f"<hugepages>{PAGE_2M.format('')}{PAGE_1G.format('')}</hugepages>"
    ),
    "page sizes intersect": tuned(
        backing="<hugepages>"
        + PAGE_2M.format(" nodeset='0-1'")
        + PAGE_1G.format(" nodeset='1'")
        + "</hugepages>"
    ),
    "page of a missing cell": tuned(
        backing=f"<hugepages>{PAGE_2M.format(' nodeset={0}5{0}'.format(chr(39)))}</hugepages>"
    ),
    "page size 0": tuned(backing="<hugepages><page size='0'/></hugepages>"),
    "hugepages on demand": tuned(backing="<hugepages/><allocation mode='ondemand'/>"),
    "anonymous hugepages": tuned(backing="<hugepages/><source type='anonymous'/>"),
    "virtio-mem requests too much": virtio_mem(
        128, "<block unit='MiB'>2</block><requested unit='MiB'>256</requested>"
    ),
    "virtio-mem block no power of two": virtio_mem(
        128, "<block unit='MiB'>3</block><requested unit='MiB'>0</requested>"
    ),
    "virtio-mem without block": virtio_mem(128, "<requested unit='MiB'>0</requested>"),
    "virtio-mem block too small": virtio_mem(
        128, "<block unit='MiB'>1</block><requested unit='MiB'>0</requested>"
    ),
    "virtio-mem requests no blocks": virtio_mem(
        128, "<block unit='MiB'>4</block><requested unit='MiB'>2</requested>"
    ),
    "nvdimm without path": devices(dimm(128).replace("'dimm'", "'nvdimm'")),
    "nvdimm label too small": devices(
        "<memory model='nvdimm'><source><path>/tmp/x</path></source><target>"
        "<size unit='MiB'>128</size><node>0</node><label><size>64</size></label></target></memory>"
    ),
    "nvdimm label too large": devices(
        "<memory model='nvdimm'><source><path>/tmp/x</path></source><target>"
        "<size>1024</size><node>0</node><label><size>2048</size></label></target></memory>"
    ),
    "virtio-pmem on a cell": devices(
        "<memory model='virtio-pmem'><source><path>/tmp/x</path></source><target>"
        "<size unit='MiB'>128</size><node>0</node></target></memory>"
    ),
}

REFUSED_AT_START: dict[str, str] = {
    "maximum is initial": changed(("'GiB'>8<", "'MiB'>512<"), (DIMMS, "")),
    "too many slots": changed(("slots='4'", "slots='257'")),
    "phys-bits too low": changed(("slots='4' unit='GiB'>8<", "slots='4' unit='TiB'>2<")),
    "empty cell": cells(cell(0, "0-1"), cell(1, "2-3", " memory='0'")),
    "empty dimm": devices(dimm(0)),
    "no acpi": changed(("<features><acpi/></features>", "")),
    "alignment exceeds maximum": changed(("'GiB'>8<", "'MiB'>639<"), (DIMMS, dimm(127))),
    "base not aligned": devices(dimm(128, address=at(0, (1 << 32) + 4096))),
    "base below the window": devices(dimm(128, address=at(0, 1 << 31))),
    "bases overlap": devices(
        dimm(128, address=at(0, 1 << 32)), dimm(128, address=at(1, (1 << 32) + 64 * MiB))
    ),
    "first fit takes an explicit base": devices(
        dimm(128), dimm(128, address=at(1, (1 << 32) + 64 * MiB))
    ),
    "page size not mounted": devices(
        dimm(128, source="<source><pagesize>3072</pagesize></source>")
    ),
    "backing page size not mounted": tuned(backing="<hugepages><page size='3072'/></hugepages>"),
    "absent host node": devices(dimm(128, source="<source><nodemask>7</nodemask></source>")),
    "absent host node of all": tuned("<memory mode='strict' nodeset='7'/>"),
    "absent restrictive node": tuned("<memory mode='restrictive' nodeset='7'/>"),
    "dimm smaller than its page": devices(
        dimm(128, source="<source><pagesize unit='GiB'>1</pagesize></source>")
    ),
    "cell smaller than its page": tuned(
        backing="<hugepages><page size='1' unit='GiB'/></hugepages>"
    ),
    "maximum overflows": changed(("'GiB'>8<", "'KiB'>9007199254740990<")),
    "virtio-pmem starts nowhere": devices(
        "<memory model='virtio-pmem'><source><path>/tmp/slotsolver-pmem</path></source><target>"
        "<size unit='MiB'>128</size></target></memory>"
    ),
    "virtio-mem size no multiple of block": virtio_mem(
        130, "<block unit='MiB'>4</block><requested unit='MiB'>0</requested>"
    ),
    "virtio-mem block below page": devices(
        VIRTIO_MEM.format(
            size=2048, rest="<block unit='MiB'>4</block><requested unit='MiB'>0</requested>"
        ).replace("<target>", "<source><pagesize unit='GiB'>1</pagesize></source><target>")
    ),
}
