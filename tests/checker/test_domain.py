"""Every rule about a domain XML: the good one passes, each bad one breaks exactly its rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.checker import Violation, check_domain
from slotsolver.checker.domain_facts import DomainFacts
from slotsolver.ingest.domain import Domain, Growth, GrowthDimm
from slotsolver.platforms import Version
from slotsolver.problem import Host
from slotsolver.size import GiB, MiB
from tests.checker.bad_domains import (
    REFUSED_AT_START,
    REFUSED_BY_DEFINE,
    VIRTIO_MEM,
    cell,
    cells,
    devices,
    tuned,
)
from tests.checker.domains import DIMMS, GOOD, at, changed, dimm, domain

HOST = Host.model_validate(
    {
        "nodes": [
            {
                "id": number,
                "memory": 64 * GiB,
                "free": 40 * GiB,
                "pages": {"2 MiB": {"total": 8192}, "1 GiB": {"total": 4}},
            }
            for number in (0, 1)
        ],
        "default_hugepage": 2 * MiB,
    }
)
EXPECTED = {
    "cell without memory": "parse libvirt-M8",
    "gap in cell ids": "parse libvirt-M8",
    "cell twice": "parse libvirt-M8",
    "overlapping cpus": "parse libvirt-M8",
    "more cpus than vcpus": "parse libvirt-M8",
    "cpu id beyond vcpus": "parse libvirt-M8",
    "no cells in numa": "parse libvirt-M8",
    "distance below 10": "parse libvirt-distance",
    "local distance": "parse libvirt-distance",
    "distance to nowhere": "parse libvirt-distance",
    "unknown tuning mode": "parse libvirt-H14",
    "strict without nodeset": "parse libvirt-H14",
    "memnode with auto": "parse libvirt-H14",
    "memnode of no cell": "parse libvirt-H14",
    "memnode twice": "parse libvirt-H14",
    "memnode without cellid": "parse libvirt-H14",
    "memnode without nodeset": "parse libvirt-H14",
    "memnode without cells": "parse libvirt-H14",
    "half restrictive": "parse libvirt-H12",
    "unknown model": "parse libvirt-N4",
    "device without size": "parse libvirt-N4",
    "devices exceed memory": "define libvirt-M2 libvirt-N1",
    "no memory at all": "define libvirt-M3",
    "maximum without slots": "define libvirt-M5",
    "no slots": "define libvirt-M5",
    "maximum is 0": "define libvirt-M5",
    "maximum below memory": "define libvirt-M6",
    "device without maximum": "define libvirt-M7",
    "hotplug without cells": "define libvirt-N1",
    "device without node": "define libvirt-N2",
    "device on a missing cell": "define libvirt-N3",
    "too many dimms": "define libvirt-S1",
    "slot beyond count": "define libvirt-S2",
    "slot twice": "define libvirt-S3",
    "base twice": "define libvirt-S3",
    "all devices count": "define libvirt-S4",
    "two master pages": "define libvirt-H1",
    "page sizes intersect": "define libvirt-H1",
    "page of a missing cell": "define libvirt-H1",
    "page size 0": "define libvirt-H1",
    "hugepages on demand": "define libvirt-H6",
    "anonymous hugepages": "define libvirt-H6",
    "virtio-mem requests too much": "define libvirt-virtio-mem",
    "virtio-mem block no power of two": "define libvirt-virtio-mem",
    "virtio-mem without block": "define libvirt-virtio-mem",
    "virtio-mem block too small": "define libvirt-virtio-mem",
    "virtio-mem requests no blocks": "define libvirt-virtio-mem",
    "nvdimm without path": "define libvirt-nvdimm",
    "nvdimm label too small": "parse libvirt-nvdimm",
    "nvdimm label too large": "parse libvirt-nvdimm",
    "virtio-pmem on a cell": "define libvirt-virtio-pmem",
    "maximum is initial": "start qemu-1.4",
    "too many slots": "start qemu-1.7",
    "phys-bits too low": "start qemu-2.4",
    "empty cell": "start libvirt-M9",
    "empty dimm": "start libvirt-N5",
    "no acpi": "start libvirt-S9",
    "alignment exceeds maximum": "start qemu-3.2-space",
    "base not aligned": "start qemu-3.2-address",
    "base below the window": "start qemu-3.2-range",
    "bases overlap": "start qemu-3.2-overlap",
    "first fit takes an explicit base": "start qemu-3.2-overlap",
    "page size not mounted": "start libvirt-H4",
    "backing page size not mounted": "start libvirt-H4",
    "absent host node": "start libvirt-H10",
    "absent host node of all": "start libvirt-H10",
    "absent restrictive node": "start libvirt-H10",
    "dimm smaller than its page": "start libvirt-A7",
    "cell smaller than its page": "start libvirt-A7",
    "maximum overflows": "start libvirt-A4 qemu-2.4",
    "virtio-pmem starts nowhere": "start libvirt-virtio-pmem",
    "virtio-mem size no multiple of block": "start qemu-3.2-size",
    "virtio-mem block below page": "start qemu-8",
}
"""Stage and rules of each bad domain."""

BAD = REFUSED_BY_DEFINE | REFUSED_AT_START


def found(xml: str, **how: object) -> list[tuple[str, str]]:
    """Rule and text of each violation."""
    return [(v.rule, v.says) for v in violations(xml, **how)]


def violations(xml: str, **how: object) -> tuple[Violation, ...]:
    """What the checker says of a domain XML."""
    return check_domain(domain(xml), **how)  # type: ignore[arg-type]  # passed through


def test_the_good_domain_is_good() -> None:
    """Nothing is wrong with the domain that the other tests change, on any version."""
    for libvirt in ("9.0", "9.4", "9.5", "9.8.0", "12.0.0"):
        for qemu in ("7.2", "8.2", "10.0", "11.1"):
            assert violations(GOOD, host=HOST, libvirt=libvirt, qemu=qemu) == ()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_domain_breaks_its_rule(name: str) -> None:
    """The rules broken, and the stage, are those written down for it and no others."""
    broken = violations(BAD[name], host=replace_nodes(1))
    stage, *rules = EXPECTED[name].split()
    assert {v.rule for v in broken} == set(rules)
    assert {v.stage for v in broken} == {stage}


def replace_nodes(count: int) -> Host:
    """The host with fewer nodes."""
    return HOST.model_copy(update={"nodes": HOST.nodes[:count]})


def test_places_name_element_and_line() -> None:
    """A violation says where: the device's slot and its line."""
    (violation,) = violations(devices(dimm(128, 5, address=at(2))))
    assert violation.place == "dimm slot 2 (line 16)"


VIRTIO = VIRTIO_MEM.format(
    size=128, rest="<block unit='MiB'>2</block><requested unit='MiB'>0</requested>"
)
OVERLAP = devices(dimm(128, address=at(0, 4 * GiB)), dimm(128, address=at(1, 4 * GiB + 64 * MiB)))
HALF_RESTRICTIVE = tuned(
    "<memory mode='strict' nodeset='0'/><memnode cellid='0' mode='restrictive' nodeset='0'/>"
)
NO_SLOTS = devices(VIRTIO, maximum="<maxMemory unit='GiB'>8</maxMemory>")
NO_CELLS = REFUSED_BY_DEFINE["hotplug without cells"]
FIVE_OF_FOUR = devices(*[dimm(128, address=at(i)) for i in (0, 1, 2, 3, 3)])


@pytest.mark.parametrize(
    ("xml", "before", "since", "rule", "says"),
    [
        (devices(*[VIRTIO] * 5), "9.4", None, "libvirt-S4", "memory device count '5' exceeds"),
        (FIVE_OF_FOUR, None, "9.5", "libvirt-S4", "requiring memory slots '5' exceeds"),
        (NO_SLOTS, "9.4", None, "libvirt-M5", "both maximum memory size and memory slot count"),
        (NO_CELLS, "9.5", None, "libvirt-N1", "At least one numa node has to be configured"),
        (HALF_RESTRICTIVE, None, "9.4", "libvirt-H12", "is required in memory element"),
        (
            OVERLAP,
            None,
            "9.8",
            "libvirt-overlap",
            "memory device address [0x104000000:0x10c000000] overlaps with other memory device "
            "(0x100000000)",
        ),
        (
            REFUSED_BY_DEFINE["base twice"],
            "9.7",
            None,
            "libvirt-S3",
            "base '0x100000000' is already being used",
        ),
        (
            REFUSED_AT_START["virtio-pmem starts nowhere"],
            "9.0",
            None,
            "libvirt-virtio-pmem",
            "is not handled yet",
        ),
        (
            tuned(
                "<memory mode='strict' nodeset='0'/><memnode cellid='1' mode='strict' nodeset='1'/>"
            ),
            "9.4",
            None,
            "libvirt-H15",
            "cannot bind memory to host NUMA nodes",
        ),
    ],
)
def test_rules_that_came_or_went(
    xml: str, before: str | None, since: str | None, rule: str, says: str
) -> None:
    """A rule holds up to its last version, or from its first one on, and not beyond."""
    for version in ("9.0", "9.4", "9.5", "9.6", "9.7", "9.8", "12.0"):
        number = Version.parse(version)
        holds = number >= Version.parse(since) if since else number <= Version.parse(before or "")
        texts = [text for code, text in found(xml, libvirt=version) if code == rule]
        assert any(says in text for text in texts) == holds, version


def test_a_size_without_slots_needs_a_maximum() -> None:
    """From 9.5 on only slots without maxMemory are refused, with a text of its own."""
    xml = changed(("'GiB'>8<", "'GiB'>0<"))
    assert ("libvirt-M5" in dict(found(xml, libvirt="9.5"))) is True
    assert "maximum memory size must be specified" in dict(found(xml, libvirt="9.5"))["libvirt-M5"]


def test_the_order_of_qemus_checks() -> None:
    """A DIMM of 1.5 pages of 1 GiB at an odd address: 7.2 names the address, 8.2 the size."""
    source = "<source><pagesize unit='GiB'>1</pagesize></source>"
    xml = devices(dimm(1536, address=at(0, 4 * GiB + 2 * MiB), source=source))
    assert [rule for rule, _ in found(xml, qemu="7.2")] == ["qemu-3.2-address"]
    assert [rule for rule, _ in found(xml, qemu="8.2")] == ["qemu-3.2-size"]


def test_the_guest_takes_whole_blocks() -> None:
    """A DIMM of 64 MiB starts and is lost for the guest, and so is the next one behind it."""
    lost = violations(devices(dimm(64), dimm(128)), host=HOST)
    assert {v.stage for v in lost} == {"guest"}
    assert [v.says for v in lost] == [
        "Block size [0x8000000] unaligned hotplug range: start 0x100000000, size 0x4000000",
        "Block size [0x8000000] unaligned hotplug range: start 0x104000000, size 0x8000000",
    ]
    assert violations(devices(dimm(64), dimm(128)), host=HOST, block=64 * MiB) == ()


def test_large_guests_have_large_blocks() -> None:
    """62 GiB of boot memory on q35 end at 64 GiB: blocks are 2 GiB, a DIMM of 1 GiB is lost."""
    xml = cells(
        cell(0, "0-1", " memory='31' unit='GiB'"), cell(1, "2-3", " memory='31' unit='GiB'")
    )
    xml = xml.replace("unit='GiB'>8<", "unit='GiB'>80<").replace(DIMMS, dimm(1024))
    assert [rule for rule, _ in found(xml)] == ["libvirt-A8"]
    assert found(xml.replace("'31'", "'30'")) == []


def test_virtio_mem_that_is_partly_usable() -> None:
    """A region that starts within a block loses both its ends."""
    xml = devices(dimm(64, address=at(0, 4 * GiB)), VIRTIO)
    (unusable,) = [says for rule, says in found(xml) if rule == "qemu-8-block"]
    assert "64 MiB of 128 MiB" not in unusable
    assert "0 B of 128 MiB can be used" in unusable


def test_a_node_that_the_guest_does_not_know() -> None:
    """A cell without CPUs and memory that is not the last is unknown to the guest's kernel."""
    xml = cells(cell(0, "0-3"), cell(1, "", " memory='0'"), cell(2, "", " memory='0'"))
    wrong = xml.replace(DIMMS, dimm(128, 1))
    right = xml.replace(DIMMS, dimm(128, 2))
    assert "qemu-6-node" in dict(found(wrong))
    assert "qemu-6-node" not in dict(found(right))


HUGE = "<hugepages><page size='2048' nodeset='1'/></hugepages>"
BOUND = "<memory mode='strict' nodeset='0-1'/><memnode cellid='1' mode='strict' nodeset='1'/>"


def pool(node: int, free: int) -> Host:
    """The host with another count of free 2 MiB pages on a node."""
    nodes = list(HOST.nodes)
    pools = (nodes[node].pools[0].model_copy(update={"free": free}), *nodes[node].pools[1:])
    nodes[node] = nodes[node].model_copy(update={"pools": pools})
    return HOST.model_copy(update={"nodes": tuple(nodes)})


@given(free=st.integers(0, 400))
def test_pages_of_a_bound_cell(free: int) -> None:
    """Cell 1 and its DIMM take 192 pages of 2 MiB on host node 1, no more and no fewer."""
    short = violations(tuned(BOUND, HUGE), host=pool(1, free))
    assert bool(short) == (free < 192)
    for violation in short:
        assert (violation.rule, violation.stage) == ("host-pages", "host")
        assert violation.says.startswith(
            f"192 pages of 2 MiB are needed on host node 1, {free} are free"
        )
        assert violation.says.endswith("preallocating memory failed: Bad address")


@pytest.mark.parametrize(
    ("tune", "says"),
    [
        ("<memory mode='strict' nodeset='1'/>", "192 pages of 2 MiB are needed on host node 1"),
        (
            "<memory mode='restrictive' nodeset='1'/>",
            "192 pages of 2 MiB are needed on host node 1",
        ),
    ],
)
def test_what_the_cpuset_does_not_permit_is_not_there(tune: str, says: str) -> None:
    """libvirt sets QEMU's cpuset from <memory>; where all of it is short, mmap fails already."""
    (short,) = violations(tuned(tune, HUGE), host=pool(1, 100))
    assert short.says.startswith(says)
    assert short.says.endswith("unable to map backing store for guest RAM: Cannot allocate memory")


@pytest.mark.parametrize("mode", ["preferred", "interleave"])
def test_pages_that_are_not_bound_strictly_come_from_elsewhere_too(mode: str) -> None:
    """Where a node has none; both were seen to do so (tests/lab/test_check.py)."""
    assert violations(tuned(f"<memory mode='{mode}' nodeset='1'/>", HUGE), host=pool(1, 0)) == ()


def test_nodes_without_memory_or_processors() -> None:
    """The former cannot be bound to, on the latter nothing can be preallocated; beside others both
    do no harm."""
    first, second = HOST.nodes
    no_memory = second.model_copy(update={"memory": 0, "free": 0, "pools": ()})
    first = first.model_copy(update={"cpus": (0,)})
    xml = tuned(BOUND, HUGE)
    for other, expected in (
        (no_memory.model_copy(update={"cpus": (1,)}), "cannot bind memory to host NUMA nodes"),
        (second.model_copy(update={"cpus": ()}), "The nodes select no CPUs"),
    ):
        host = HOST.model_copy(update={"nodes": (first, other)})
        start = [v for v in violations(xml, host=host) if v.stage == "start"]
        assert {v.says.partition(":")[0] for v in start} == {expected}
        both = xml.replace("cellid='1' mode='strict' nodeset='1'", "cellid='1' nodeset='0-1'")
        assert not [v for v in violations(both, host=host) if v.stage == "start"]


def test_pages_of_an_unbound_cell_come_from_anywhere() -> None:
    """Without a binding only the sum over all nodes counts, and QEMU says so at mmap."""
    xml = tuned("", HUGE)
    assert violations(xml, host=pool(1, 0)) == ()
    nowhere = pool(1, 0)
    empty = pool(0, 191).nodes[0]
    (short,) = violations(xml, host=nowhere.model_copy(update={"nodes": (empty, nowhere.nodes[1])}))
    assert short.says.endswith("unable to map backing store for guest RAM: Cannot allocate memory")


def test_a_running_domain_has_its_pages() -> None:
    """The pages of a live domain are taken already; its sizes stand as they are."""
    live = tuned(BOUND, HUGE).replace("<domain type='qemu'>", "<domain type='qemu' id='1'>")
    assert violations(live, host=pool(1, 0)) == ()


def test_ordinary_memory_is_counted_too() -> None:
    """For pages of 4 KiB nobody prints anything: the kernel kills QEMU later."""
    nodes = tuple(n.model_copy(update={"free": 256 * MiB, "memory": 60 * GiB}) for n in HOST.nodes)
    (short,) = violations(GOOD, host=HOST.model_copy(update={"nodes": nodes}))
    assert short.says == "196608 pages of 4 KiB are needed on host node 0-1, 131072 are free"


def facts(xml: str, libvirt: str = "9.0") -> DomainFacts:
    """The facts of a domain."""
    return DomainFacts(domain(xml), HOST, Version(7, 2), Version.parse(libvirt))


def test_page_size_is_inferred_from_the_cell() -> None:
    """A DIMM has the pages of its cell; a cell that no page names has ordinary ones."""
    judged = facts(tuned("", HUGE))
    assert [b.page_size for b in judged.cell_backends] == [4096, 2 * MiB]
    assert [b.page_size for b in judged.device_backends] == [4096, 2 * MiB]
    own = facts(
        changed((DIMMS, dimm(128, source="<source><pagesize>4</pagesize></source>"))).replace(
            "<os>", "<memoryBacking><hugepages/></memoryBacking><os>"
        )
    )
    assert [b.page_size for b in own.cell_backends] == [2 * MiB, 2 * MiB]
    assert [(b.page_size, b.huge) for b in own.device_backends] == [(4096, False)]


def test_binding_is_inferred_from_numatune() -> None:
    """The device's nodemask goes before memnode, memnode before memory; the mode is memnode's."""
    source = "<source><nodemask>0</nodemask></source>"
    xml = tuned(BOUND.replace("cellid='1' mode='strict'", "cellid='1' mode='preferred'"))
    xml = xml.replace(DIMMS, dimm(128, 1) + dimm(128, 1, source=source) + dimm(128))
    seen = [(b.nodes, b.mode) for b in facts(xml).device_backends]
    assert seen == [((1,), "preferred"), ((0,), "preferred"), ((0, 1), "strict")]
    assert facts(xml, "12.0").device_backends[1].mode == "strict"
    loose = facts(tuned("<memory mode='restrictive' nodeset='0'/>"))
    assert {b.nodes for b in loose.cell_backends} == {()}


@pytest.mark.parametrize(
    ("backing", "kind"),
    [
        ("", "memory-backend-ram"),
        ("<hugepages/>", "memory-backend-file"),
        ("<source type='memfd'/>", "memory-backend-memfd"),
        ("<source type='file'/>", "memory-backend-file"),
        ("<access mode='private'/>", "memory-backend-file"),
    ],
)
def test_kind_of_backend(backing: str, kind: str) -> None:
    """Hugepages, a source or an access mode each change QEMU's backend."""
    assert {b.kind for b in facts(tuned("", backing)).device_backends} == {kind}


def planned(*dimms: GrowthDimm) -> Domain:
    """The good domain with planned growth."""
    return replace(domain(GOOD), growth=Growth(block=128 * MiB, stages=(), dimms=dimms))


@pytest.mark.parametrize(
    ("rule", "dimm_"),
    [
        (None, GrowthDimm(2, 128 * MiB, 0, 0x110000000, 2)),
        ("growth-qemu-3.2-overlap", GrowthDimm(2, 128 * MiB, 0, 0x108000000, 2)),
        ("growth-qemu-3.2-slot", GrowthDimm(1, 128 * MiB, 0, 0x110000000, 2)),
        ("growth-qemu-3.2-slot", GrowthDimm(4, 128 * MiB, 0, 0x110000000, 2)),
        ("growth-qemu-3.2-space", GrowthDimm(2, 8 * GiB, 0, 0x110000000, 2)),
        ("growth-cell", GrowthDimm(2, 128 * MiB, 2, 0x110000000, 2)),
        ("libvirt-A8", GrowthDimm(2, 64 * MiB, 0, 0x110000000, 2)),
    ],
)
def test_planned_growth_fits_too(rule: str | None, dimm_: GrowthDimm) -> None:
    """What is planned and not plugged comes in on top of what is there."""
    assert {v.rule for v in check_domain(planned(dimm_))} == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("machine", "arch", "old", "new", "rule"),
    [
        ("virt-7.2", "aarch64", "", "", "libvirt-S9"),
        ("isapc", "x86_64", "", "", "qemu-1.11"),
        ("pseries-7.2", "ppc64", "memory='256'", "memory='300'", None),
        ("pc-i440fx-7.2", "x86_64", "", "", None),
    ],
)
def test_other_machines(machine: str, arch: str, old: str, new: str, rule: str | None) -> None:
    """arm needs firmware, isapc has no hotplug, libvirt rounds for pseries to 256 MiB."""
    xml = changed(("pc-q35-7.2", machine), ("x86_64'", f"{arch}'")).replace(old or "\0", new)
    if machine.startswith("pseries"):
        xml = xml.replace(DIMMS, dimm(200)).replace("<model>qemu64</model>", "")
    assert {v.rule for v in violations(xml)} == ({rule} if rule else set())


@given(
    base=st.integers(0, 1 << 36).map(lambda n: n * 4096),
    mib=st.integers(1, 1024),
    slot=st.integers(0, 6),
)
def test_any_device_gets_a_verdict(base: int, mib: int, slot: int) -> None:
    """Whatever slot, size and base a DIMM has, it is taken or refused, and rightly so."""
    other = dimm(128, address=at(3, 4 * GiB))
    rules = {rule for rule, _ in found(devices(dimm(mib, address=at(slot, base or None)), other))}
    size = -(-mib // 2) * 2 * MiB
    start = base or 4 * GiB
    overlaps = start < 4 * GiB + 128 * MiB and 4 * GiB < start + size
    window = 4 * GiB <= start and start + size <= 4 * GiB + 7680 * MiB + 4 * GiB
    fine = slot < 3 and start % (2 * MiB) == 0 and window and not overlaps
    whole = start % (128 * MiB) == 0 and size % (128 * MiB) == 0
    assert (rules <= {"libvirt-A8"}) == fine
    if fine:
        assert ("libvirt-A8" in rules) == (not whole)
