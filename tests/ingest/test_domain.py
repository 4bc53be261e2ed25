"""The faithful reading of a domain XML."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.errors import InputError
from slotsolver.ingest.domain import (
    Backing,
    DomainCell,
    DomainDevice,
    Growth,
    GrowthDimm,
    GrowthStage,
    HugePage,
    Memnode,
    Numatune,
    read_domain,
)

DATA = Path(__file__).parents[1] / "data" / "ingest"


def domain_xml(inside: str, *, attributes: str = "type='kvm'") -> bytes:
    """A domain document with these elements."""
    return f"<domain {attributes}>\n<name>g</name>\n{inside}\n</domain>".encode()


def test_everything_about_memory_is_read_as_it_stands() -> None:
    """Every memory element of a full domain is read, in KiB, with its line, nothing inferred."""
    domain = read_domain((DATA / "guest-numa.xml").read_bytes(), source="g.xml")
    assert (domain.name, domain.domain_type, domain.running) == ("db1", "kvm", False)
    assert (domain.arch, domain.machine, domain.vcpus) == ("x86_64", "pc-q35-7.2", 6)
    assert (domain.emulator, domain.acpi, domain.firmware) == (
        "/usr/bin/qemu-system-x86_64",
        True,
        True,
    )
    assert (domain.cpu_mode, domain.phys_bits, domain.phys_bits_mode) == (
        "host-passthrough",
        42,
        "emulate",
    )
    assert (domain.max_memory_kib, domain.slots) == (32 << 20, 16)
    assert (domain.memory_kib, domain.current_kib) == (777 << 10, 4 << 20)
    assert (domain.pci_hole64_kib, domain.memballoon) == (134217728, "none")
    assert domain.cells == (
        DomainCell(0, (0, 1), 1048577, "private", None, {0: 10, 1: 21}, line=35),
        DomainCell(1, (2, 3), 1 << 20, None, "yes", {}, line=38),
    )
    assert domain.numatune == Numatune(
        mode="strict",
        nodeset=(0, 1),
        memnodes=(Memnode(0, "strict", (0,), 25), Memnode(1, "preferred", (1,), 26)),
        has_memory=True,
        line=23,
    )
    assert domain.backing == Backing(
        hugepages=(HugePage(2048, (1,), 16),),
        nosharepages=True,
        locked=True,
        access="shared",
        line=14,
    )


def test_every_kind_of_device_is_read() -> None:
    """A DIMM's slot is decimal and its base hexadecimal; a PCI address gives no DIMM slot."""
    domain = read_domain((DATA / "guest-numa.xml").read_bytes(), source="g.xml")
    first, second, nvdimm, virtio, pmem, epc = domain.devices
    assert first == DomainDevice(
        "dimm", 523264, 0, alias="ua-first", access="private", discard="yes", line=47
    )
    assert (second.slot, second.base, second.address_type) == (0, 0x180000000, "dimm")
    assert (second.pagesize_kib, second.nodemask) == (2048, (0, 1))
    assert (nvdimm.path, nvdimm.label_kib, nvdimm.node) == ("/var/lib/nvdimm", 128, 1)
    assert (virtio.block_kib, virtio.requested_kib, virtio.current_kib) == (2048, 1 << 20, 1 << 19)
    assert (virtio.virtio_base, virtio.slot, virtio.address_type) == (0x400000000, None, "pci")
    assert (pmem.model, pmem.node, epc.model) == ("virtio-pmem", None, "sgx-epc")


def test_planned_growth_is_read_from_the_metadata() -> None:
    """DIMMs that are planned and not plugged travel in the metadata, in bytes."""
    domain = read_domain((DATA / "guest-numa.xml").read_bytes(), source="g.xml")
    dimm = GrowthDimm(slot=9, size=512 << 20, cell=1, address=0x300000000, stage=2, line=8)
    assert domain.growth == Growth(128 << 20, (GrowthStage("maximum", 32 << 30),), (dimm,), 6)
    assert domain.planned == (dimm,)


def test_what_is_absent_is_none() -> None:
    """A minimal domain has the defaults of an XML without these elements."""
    domain = read_domain(b"<domain type='qemu' id='3'/>", source="g.xml")
    assert domain.running
    assert (domain.name, domain.memory_kib, domain.max_memory_kib, domain.slots) == (None,) * 4
    assert (domain.vcpus, domain.cells, domain.devices, domain.planned) == (1, (), (), ())
    assert (domain.backing, domain.numatune, domain.has_numa) == (Backing(), Numatune(), False)


def test_hugepages_alone_differ_from_none() -> None:
    """``<hugepages/>`` is an empty tuple, no ``<hugepages>`` is None."""
    alone = domain_xml("<memoryBacking><hugepages/></memoryBacking>")
    without = domain_xml("<memoryBacking><locked/></memoryBacking>")
    assert read_domain(alone, source="g").backing.hugepages == ()
    assert read_domain(without, source="g").backing.hugepages is None


def test_what_libvirt_refuses_is_still_read() -> None:
    """Cells with gaps, DIMMs on missing cells and unknown modes are read, to be judged later."""
    domain = read_domain(
        domain_xml(
            "<cpu><numa><cell id='4' cpus='0-1' memory='0'/><cell cpus='1'/></numa></cpu>"
            "<numatune><memory mode='foo'/></numatune>"
            "<devices><memory model='ddr'><target><size>1</size><node>9</node></target></memory>"
            "</devices>"
        ),
        source="g",
    )
    assert [c.id for c in domain.cells] == [4, 1]
    assert [c.memory_kib for c in domain.cells] == [0, None]
    assert domain.numatune.mode == "foo"
    assert (domain.devices[0].model, domain.devices[0].node) == ("ddr", 9)


@pytest.mark.parametrize(
    ("unit", "text", "kib"),
    [
        ("", "1", 1),
        ("unit='b'", "1", 1),
        ("unit='bytes'", "2048", 2),
        ("unit='KB'", "1000", 977),
        ("unit='m'", "1", 1024),
        ("unit='GiB'", "+3", 3 << 20),
        ("unit='KiB'", "9007199254740991", 9007199254740991),
        ("unit=''", "<!-- a comment -->7", 7),
    ],
)
def test_sizes_have_the_units_and_rounding_of_libvirt(unit: str, text: str, kib: int) -> None:
    """KiB without a unit, 1000-based KB, and any byte begun is a KiB."""
    xml = domain_xml(f"<memory {unit}>{text}</memory>")
    assert read_domain(xml, source="g").memory_kib == kib


@pytest.mark.parametrize(
    ("inside", "rule"),
    [
        ("<memory>-1</memory>", "Invalid value '-1'"),
        ("<memory>1.5</memory>", "Invalid value '1.5'"),
        ("<memory>lots</memory>", "Invalid value 'lots'"),
        ("<memory>99999999999999999999999</memory>", "Invalid value"),
        ("<memory unit='EiB'>8</memory>", "value too large: 8EiB"),
        ("<memory>9007199254740992</memory>", "value too large: 9007199254740992KiB"),
        ("<memory unit='b'>9223372036854775807</memory>", "size value too large"),
        ("<memory unit='XiB'>8</memory>", "unknown suffix 'XiB'"),
        ("<maxMemory slots='-1'>8</maxMemory>", "Failed to parse memory slot count"),
        ("<maxMemory slots='4294967296'>8</maxMemory>", "Failed to parse memory slot count"),
        ("<vcpu>0</vcpu>", "maximum vcpus count must be an integer"),
        ("<cpu><numa><cell cpus='abc'/></numa></cpu>", "Failed to parse bitmap 'abc'"),
        ("<cpu><numa><cell cpus='0-99999'/></numa></cpu>", "Failed to parse bitmap '0-99999'"),
        ("<cpu><numa><cell id='x'/></numa></cpu>", "attribute 'id' in element 'cell': 'x'"),
        (
            "<devices><memory><target><node>-1</node></target></memory></devices>",
            "invalid value of memory device node '-1'",
        ),
        (
            "<devices><memory><address type='dimm' base='1'/></memory></devices>",
            "Missing required attribute 'slot'",
        ),
        (
            "<devices><memory><address type='dimm' slot='1' base='0xzz'/></memory></devices>",
            "attribute 'base' in element 'address': '0xzz'",
        ),
    ],
)
def test_garbage_is_an_error_with_its_line(inside: str, rule: str) -> None:
    """A number that libvirt cannot parse is named with source, line and libvirt's text."""
    with pytest.raises(InputError) as caught:
        read_domain(domain_xml(inside), source="g.xml")
    assert str(caught.value).startswith("g.xml: line 3: ")
    assert rule in caught.value.message


@given(st.text(alphabet=" +-0123456789abceikmx.", max_size=25), st.sampled_from(["", "k", "MB"]))
def test_any_size_is_read_or_refused(text: str, unit: str) -> None:
    """Whatever stands for a size gives KiB that cover the bytes, or an InputError."""
    xml = domain_xml(f"<memory unit='{unit}'>{text}</memory>")
    try:
        kib = read_domain(xml, source="g").memory_kib
    except InputError:
        return
    assert kib is None or kib * 1024 >= int(text) * {"": 1024, "k": 1024, "MB": 10**6}[unit]
    assert text == "" or kib is not None
