"""Guests from domains, as libvirt would start them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.ingest.domain import read_domain
from slotsolver.ingest.guest import (
    change_guest,
    check_against_host,
    guest_from_domain,
    read_guest,
)
from slotsolver.problem import Device, Guest, Host, ReservedDimm
from slotsolver.size import GiB, KiB, MiB

DATA = Path(__file__).parents[1] / "data" / "ingest"
CELLS = "<cell memory='1' unit='GiB' cpus='0'/><cell memory='1' unit='GiB' cpus='1'/>"


def guest_of(
    inside: str = "",
    *,
    cells: str = CELLS,
    host: Host | None = None,
    domain: str = "type='kvm'",
    machine: str = "pc-q35-7.2",
) -> Guest:
    """The guest of a domain with these elements, two cells unless told otherwise."""
    numa = f"<numa>{cells}</numa>" if cells else ""
    xml = (
        f"<domain {domain}>\n<name>g</name><vcpu>2</vcpu><os><type machine='{machine}'>hvm</type>"
        f"</os><cpu>{numa}</cpu>\n{inside}\n</domain>"
    )
    return guest_from_domain(read_domain(xml.encode(), source="g"), xml=xml, host=host, source="g")


PLACED = "<address type='dimm' slot='0' base='0x140000000'/>"


def dimm(size: str = "<size unit='MiB'>512</size>", rest: str = "", source: str = "") -> str:
    """One DIMM on cell 0 in a domain with a maximum."""
    return (
        f"<maxMemory slots='4' unit='GiB'>8</maxMemory><devices><memory model='dimm'>{source}"
        f"<target>{size}<node>0</node></target>{rest}</memory></devices>"
    )


def host_of(*ids: int, pages: dict[str, int] | None = None, **fields: Any) -> Host:
    """A host with these nodes, each with pools of these pages."""
    nodes = [{"id": i, "memory": 64 * GiB, "pages": pages or {"2 MiB": 64}} for i in ids]
    return Host.model_validate({"nodes": nodes, **fields})


def test_a_full_domain_becomes_the_guest_that_would_start() -> None:
    """Sizes are rounded up, the total is their sum, pages and nodes are inferred per cell."""
    guest = read_guest(str(DATA / "guest-numa.xml"))
    assert (guest.name, guest.machine, guest.running) == ("db1", "pc-q35-7.2", False)
    assert (guest.phys_bits, guest.host_passthrough, guest.pci_hole64) == (42, True, 128 * GiB)
    assert [c.cpus for c in guest.cells] == [(0, 1, 4, 5), (2, 3)]
    assert [c.memory for c in guest.cells] == [1025 * MiB, GiB]
    assert [c.page_size for c in guest.cells] == [4 * KiB, 2 * MiB]
    assert [c.host_nodes for c in guest.cells] == [(0,), (1,)]
    assert [c.mode for c in guest.cells] == ["strict", "preferred"]
    assert [c.distances for c in guest.cells] == [{0: 10, 1: 21}, {0: 21}]
    assert (guest.host_nodes, guest.mode) == ((0, 1), "strict")
    assert (guest.maximum, guest.slots) == (32 * GiB, 16)
    requested = 1024
    assert guest.target == (1025 + 1024 + 512 + 1024 + 512 + requested + 256 + 64) * MiB
    assert guest.xml == (DATA / "guest-numa.xml").read_text()


def test_every_device_is_kept() -> None:
    """All six devices are there, with libvirt's slots and only what they override."""
    guest = read_guest(str(DATA / "guest-numa.xml"))
    assert guest.devices == (
        Device(size=512 * MiB, cell=0, slot=1, alias="ua-first"),
        Device(
            size=GiB,
            cell=0,
            slot=0,
            address=0x180000000,
            page_size=2 * MiB,
            host_nodes=(0, 1),
        ),
        Device(model="nvdimm", size=512 * MiB, cell=1, slot=2, label=128 * KiB),
        Device(
            model="virtio-mem",
            size=2 * GiB,
            cell=1,
            address=0x400000000,
            block=2 * MiB,
            requested=GiB,
            current=512 * MiB,
        ),
        Device(model="virtio-pmem", size=256 * MiB),
        Device(model="sgx-epc", size=64 * MiB),
    )


def test_a_domain_without_cells_gets_one_with_everything() -> None:
    """libvirt needs a cell for hotplug; it holds all vCPUs and all the boot memory."""
    guest = read_guest(str(DATA / "guest-plain.xml"))
    assert [(c.id, c.cpus, c.memory) for c in guest.cells] == [(0, (0, 1, 2, 3), 4 * GiB)]
    assert (guest.target, guest.maximum, guest.running) == (4 * GiB, None, False)
    device = dimm().replace("<node>0</node>", "")
    guest = guest_of(f"<memory unit='GiB'>2</memory>{device}", cells="")
    assert (guest.boot_size, guest.devices[0].cell) == (1536 * MiB, 0)


@pytest.mark.parametrize(
    ("backing", "pages"),
    [
        ("", [4 * KiB, 4 * KiB]),
        ("<source type='memfd'/>", [4 * KiB, 4 * KiB]),
        ("<hugepages/>", [2 * MiB, 2 * MiB]),
        ("<hugepages><page size='1' unit='GiB'/></hugepages>", [GiB, GiB]),
        ("<hugepages><page size='2048' nodeset='1'/></hugepages>", [4 * KiB, 2 * MiB]),
        (
            "<hugepages><page size='1048576'/><page size='2048' nodeset='0'/></hugepages>",
            [2 * MiB, GiB],
        ),
        (
            "<hugepages><page size='1048576'/><page size='4' nodeset='1'/></hugepages>",
            [GiB, 4 * KiB],
        ),
    ],
)
def test_a_cell_has_the_page_that_names_it_else_the_master(backing: str, pages: list[int]) -> None:
    """Never the page of another cell; without any it is ordinary memory."""
    guest = guest_of(f"<memoryBacking>{backing}</memoryBacking>")
    assert [c.page_size for c in guest.cells] == pages


@pytest.mark.parametrize(
    ("pages", "fields", "size"),
    [
        ({"2 MiB": 8, "1 GiB": 8}, {}, 2 * MiB),
        ({"2 MiB": 8, "1 GiB": 8}, {"default_hugepage": GiB}, GiB),
        ({"512 MiB": 8, "16 GiB": 0}, {"base_page": 64 * KiB}, 512 * MiB),
    ],
)
def test_hugepages_without_a_size_are_the_hosts_default(
    pages: dict[str, int], fields: dict[str, int], size: int
) -> None:
    """The default comes from the host, and is 2 MiB where the host does not say."""
    backing = "<memoryBacking><hugepages/></memoryBacking>"
    guest = guest_of(backing, host=host_of(0, pages=pages, **fields))
    assert guest.cells[0].page_size == size


def test_ordinary_memory_has_the_hosts_page() -> None:
    """The base page is the host's, else that of the architecture."""
    assert guest_of(host=host_of(0, base_page=64 * KiB)).cells[0].page_size == 64 * KiB


@pytest.mark.parametrize(
    ("tune", "nodes", "modes", "everywhere"),
    [
        ("", [None, None], ["strict"] * 2, (None, "strict")),
        ("<memory nodeset='1-2'/>", [None, None], ["strict"] * 2, ((1, 2), "strict")),
        (
            "<memory mode='interleave' nodeset='0,2'/><memnode cellid='1' mode='preferred' "
            "nodeset='0'/>",
            [None, (0,)],
            ["interleave", "preferred"],
            ((0, 2), "interleave"),
        ),
        ("<memory placement='auto' nodeset='0'/>", [None, None], ["strict"] * 2, (None, "strict")),
    ],
)
def test_host_nodes_come_from_numatune(
    tune: str, nodes: list[Any], modes: list[str], everywhere: tuple[Any, str]
) -> None:
    """A memnode binds its cell, ``<memory>`` the rest; automatic placement names no node."""
    guest = guest_of(f"<numatune>{tune}</numatune>")
    assert [c.host_nodes for c in guest.cells] == nodes
    assert [c.mode for c in guest.cells] == modes
    assert (guest.host_nodes, guest.mode) == everywhere


@pytest.mark.parametrize(
    ("tune", "nodes"),
    [
        ("<memory mode='restrictive' nodeset='1'/>", (1,)),
        (
            "<memory mode='restrictive' nodeset='0-1'/>"
            "<memnode cellid='0' mode='restrictive' nodeset='0'/>"
            "<memnode cellid='1' mode='restrictive' nodeset='2'/>",
            (0, 1, 2),
        ),
        ("<memnode cellid='0' mode='restrictive' nodeset='0'/>", (0, 1, 2)),
    ],
)
def test_restrictive_binds_no_memory(tune: str, nodes: tuple[int, ...]) -> None:
    """A cell may lie wherever the threads that allocate may, and they may take the nodes of
    <memory>, or all of the host's; what its memnode says is for the vCPUs."""
    host = Host.model_validate({"nodes": [{"id": i, "memory": GiB} for i in range(3)]})
    guest = guest_of(f"<numatune>{tune}</numatune>", host=host)
    assert (guest.cells[0].host_nodes, guest.cells[0].mode) == (nodes, "restrictive")


def test_a_device_carries_only_what_differs_from_its_cell() -> None:
    """The same page and nodes as the cell are inherited; restrictive ignores a nodemask."""
    source = "<source><pagesize>4</pagesize><nodemask>1</nodemask></source>"
    tune = "<numatune><memory mode='{}' nodeset='{}'/></numatune>"
    same = guest_of(tune.format("strict", "1") + dimm(source=source)).devices[0]
    other = guest_of(tune.format("strict", "0") + dimm(source=source)).devices[0]
    ignored = guest_of(tune.format("restrictive", "0") + dimm(source=source)).devices[0]
    assert (same.page_size, same.host_nodes) == (None, None)
    assert (other.page_size, other.host_nodes) == (None, (1,))
    assert (ignored.page_size, ignored.host_nodes) == (None, None)


@pytest.mark.parametrize(
    ("domain", "machine", "cell", "size", "maximum"),
    [
        ("type='kvm'", "q35", 512 * MiB, 4 * MiB, 1025 * MiB),
        ("type='kvm' id='1'", "q35", 523777 * KiB, 3 * MiB, 1048577 * KiB),
        ("type='kvm'", "pseries", 512 * MiB, 256 * MiB, 1280 * MiB),
    ],
)
def test_sizes_are_rounded_at_a_start_only(
    domain: str, machine: str, cell: int, size: int, maximum: int
) -> None:
    """Cells and maximum to 1 MiB, DIMMs to 2 MiB, all to 256 MiB on pseries; running: verbatim."""
    inside = dimm("<size unit='MiB'>3</size>", PLACED).replace("unit='GiB'>8<", ">1048577<")
    numa = "<cell memory='523777' cpus='0-1'/>"
    guest = guest_of(inside, cells=numa, domain=domain, machine=machine)
    assert (guest.cells[0].memory, guest.devices[0].size, guest.maximum) == (cell, size, maximum)


def test_physical_address_bits_are_the_hosts_only_under_kvm() -> None:
    """host-passthrough and maximum take the host's bits, emulation does not."""
    for mode, kind, expected in (
        ("host-passthrough", "kvm", True),
        ("maximum", "kvm", True),
        ("maximum", "qemu", False),
        ("host-model", "kvm", False),
    ):
        xml = (
            f"<domain type='{kind}'><name>g</name><memory>1048576</memory>"
            f"<cpu mode='{mode}'><vendor>AMD</vendor></cpu></domain>"
        )
        domain = read_domain(xml.encode(), source="g")
        guest = guest_from_domain(domain, xml=xml, host=None, source="g")
        assert guest.host_passthrough is expected
        assert guest.cpu_vendor == "amd"


def test_what_the_host_lacks_is_refused() -> None:
    """Absent host nodes and page sizes are named with libvirt's text."""
    bound = "<numatune><memory nodeset='0,3'/></numatune>"
    with pytest.raises(InputError, match="NUMA node 3 is unavailable; the host has node 0, 1"):
        guest_of(bound, host=host_of(0, 1))
    huge = "<memoryBacking><hugepages><page size='1048576'/></hugepages></memoryBacking>"
    with pytest.raises(InputError, match="no pool of 1 GiB pages, only 4 KiB, 2 MiB"):
        guest_of(huge, host=host_of(0))
    own = dimm(source="<source><pagesize>3072</pagesize></source>")
    with pytest.raises(InputError, match=r"guest g, dimm 0: .* mount for 3072 KiB"):
        guest_of(own, host=host_of(0))
    check_against_host(guest_of(bound), host_of(0, 3))


def test_a_guest_is_read_from_yaml_and_from_its_own_json(tmp_path: Path) -> None:
    """YAML wants units; what a guest prints as JSON is the same guest again."""
    yaml = tmp_path / "g.yaml"
    yaml.write_text("name: g\ncells: [{memory: 1 GiB, cpus: 0-3}]\ntarget: 2 GiB\n")
    guest = read_guest(str(yaml))
    assert (guest.cells[0].cpus, guest.target) == ((0, 1, 2, 3), 2 * GiB)
    json = tmp_path / "g.json"
    for original in (guest, read_guest(str(DATA / "guest-numa.xml"))):
        json.write_text(original.model_dump_json())
        assert read_guest(str(json)) == original
    yaml.write_text("name: g\ncells: [{memory: 1 GiB}]\ntarget: 2048\n")
    with pytest.raises(InputError, match=r"line 3, target: size 2048 has no unit; write"):
        read_guest(str(yaml))
    yaml.write_text("name: g\ncells: [{page_size: 1 GiB}]\ntarget: 2 GiB\n")
    with pytest.raises(InputError, match="no pool of 1 GiB pages"):
        read_guest(str(yaml), host=host_of(0))


def test_a_machine_without_memory_slots_is_refused() -> None:
    """A machine type that cannot have DIMMs is named, with its file."""
    with pytest.raises(InputError, match=r"^g: os/type: .*not supported by: isapc"):
        guest_of(machine="isapc")


def test_a_running_guest_has_its_size() -> None:
    """Its target is what it has; of a virtio-mem that is what is requested of it."""
    virtio = (
        "<memory model='virtio-mem'><target><size unit='GiB'>2</size><node>1</node>"
        "<block unit='MiB'>2</block><requested unit='MiB'>256</requested>"
        "<current unit='MiB'>512</current></target></memory></devices>"
    )
    inside = dimm(rest=PLACED).replace("</devices>", virtio)
    guest = guest_of(inside, domain="type='kvm' id='3'")
    assert guest.target == guest.size_now == (2048 + 512 + 256) * MiB


@pytest.mark.parametrize(
    ("rest", "missing"),
    [
        ("", "slot"),
        ("<address type='dimm' slot='0'/>", "address"),
        ("<address type='dimm' slot='0' base='0x0'/>", "address"),
    ],
)
def test_a_live_domain_without_addresses_is_refused(rest: str, missing: str) -> None:
    """What a DIMM lacks is named, with the file and where to get it."""
    message = f"^g: guest g is running, but its dimm 0 of 512 MiB has no {missing}; take the live"
    with pytest.raises(InputError, match=message):
        guest_of(dimm(rest=rest), domain="type='kvm' id='3'")
    assert guest_of(dimm(rest=rest)).devices[0].slot == 0, "an inactive one needs none"


GROWTH = (
    "<metadata><s:growth xmlns:s='https://slotsolver.org/xmlns/domain/1.0'>"
    "<s:dimm slot='{slot}' size='536870912' cell='1' address='{address:#x}' stage='2'/>"
    "</s:growth></metadata>"
)


@pytest.mark.parametrize(
    ("slot", "address", "kept"),
    [
        (1, 0x160000000, True),
        (1, 0x120000000, True),
        (0, 0x160000000, False),
        (1, 0x140000000, False),
        (1, 0x15FFFFFFF, False),
        (1, 0x120000001, False),
    ],
)
def test_planned_growth_is_kept_where_it_is_free(slot: int, address: int, kept: bool) -> None:
    """A slot that is taken, or an address that a device overlaps, is no growth any more."""
    inside = GROWTH.format(slot=slot, address=address) + dimm(rest=PLACED)
    growth = guest_of(inside, domain="type='kvm' id='3'").growth
    planned = ReservedDimm(slot=slot, size=512 * MiB, cell=1, address=address)
    assert growth == ((planned,) if kept else ())
    assert guest_of(inside).growth == ()


def test_planned_growth_that_is_none_is_refused() -> None:
    """A size of 0 in the metadata is named with the file."""
    inside = GROWTH.replace("536870912", "0").format(slot=1, address=0x160000000)
    with pytest.raises(InputError, match=r"^g: line \d+/size: Input should be greater than 0"):
        guest_of(inside + dimm(rest=PLACED), domain="type='kvm' id='3'")
    assert guest_of(inside + dimm()).growth == ()


@pytest.mark.parametrize("field", ["maximum", "slots"])
def test_what_a_running_guest_was_started_with_stays(field: str) -> None:
    """QEMU takes maximum and slots from its command line; what they are may be said again."""
    running = guest_of(dimm(rest=PLACED), domain="type='kvm' id='3'")
    same = change_guest(running, {"maximum": 8 * GiB, "slots": 4, "target": GiB * 4}, source="f")
    assert same == running.model_copy(update={"target": 4 * GiB})
    with pytest.raises(InputError, match=f"^f: {field}: guest g is running: its {field} cannot"):
        change_guest(running, {field: 16 * GiB if field == "maximum" else 5}, source="f")
    assert change_guest(guest_of(dimm()), {field: 9 * GiB if field == "maximum" else 5}, source="f")
