"""The harness itself: real QEMU, real libvirtd, real hugepages, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from types import ModuleType

import pytest
from lxml import etree

from tests.real import hugepages as hugepages_module
from tests.real import libvirtd as libvirtd_module
from tests.real.libvirtd import Libvirtd, LibvirtError

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40


def domain_xml(domain_type: str, memory_backing: str = "") -> str:
    """Two cells of 512 MiB, two DIMMs of 256 MiB in slots 3 and 5 at explicit bases, 8 slots."""
    dimms = "".join(
        f"""<memory model='dimm'>
              <target><size unit='MiB'>256</size><node>{node}</node></target>
              <address type='dimm' slot='{slot}' base='{base:#x}'/>
            </memory>"""
        for node, slot, base in [(0, 3, 0x1_2000_0000), (1, 5, 0x1_0000_0000)]
    )
    return f"""<domain type='{domain_type}'>
      <name>two-dimms</name>
      <maxMemory slots='8' unit='GiB'>4</maxMemory>
      <memory unit='MiB'>1536</memory>
      {memory_backing}
      <vcpu>2</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os>
      <features><acpi/></features>
      <cpu>
        <numa>
          <cell id='0' cpus='0' memory='512' unit='MiB'/>
          <cell id='1' cpus='1' memory='512' unit='MiB'/>
        </numa>
      </cpu>
      <devices><memballoon model='none'/>{dimms}</devices>
    </domain>"""


def hugepage_domain_xml(domain_type: str, page_size: int) -> str:
    """One cell of 1 GiB on pages of ``page_size`` bytes."""
    return f"""<domain type='{domain_type}'>
      <name>on-hugepages</name>
      <memory unit='GiB'>1</memory>
      <memoryBacking><hugepages><page size='{page_size}' unit='b'/></hugepages></memoryBacking>
      <vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os>
      <cpu><numa><cell id='0' cpus='0' memory='1' unit='GiB'/></numa></cpu>
      <devices><memballoon model='none'/></devices>
    </domain>"""


def dimm_addresses(xml: str) -> list[tuple[str | None, str | None, str | None]]:
    """Node, slot and base of every DIMM in a domain XML."""
    return [
        (memory.findtext("target/node"), address.get("slot"), address.get("base"))
        for memory in etree.fromstring(xml.encode()).iterfind("devices/memory")
        if (address := memory.find("address")) is not None
    ]


def dimm_args(*dimms: tuple[int, int], boot: int, maximum: int) -> list[str]:
    """QEMU arguments for a q35 guest with DIMMs of (size, address) in slots 0, 1, …."""
    args = ["-machine", "q35,memory-backend=boot"]
    args += ["-m", f"size={boot}B,slots=4,maxmem={maximum}B"]
    args += ["-object", f"memory-backend-ram,id=boot,size={boot}B"]
    for slot, (size, address) in enumerate(dimms):
        backend = {"qom-type": "memory-backend-ram", "id": f"m{slot}", "size": size}
        dimm = {"driver": "pc-dimm", "id": f"d{slot}", "memdev": f"m{slot}"}
        args += ["-object", json.dumps({**backend, "prealloc": False})]
        args += ["-device", json.dumps({**dimm, "slot": slot, "addr": address})]
    return args


def test_qemu_reports_the_dimms_it_was_given(qemu: ModuleType) -> None:
    """Sizes, slots and addresses of ``-device pc-dimm`` come back from query-memory-devices."""
    dimms = [(256 * MIB, 0x1_4000_0000), (128 * MIB, 0x1_0000_0000)]
    with qemu.running(dimm_args(*dimms, boot=GIB, maximum=4 * GIB)) as guest:
        reported = [(d["slot"], d["size"], d["addr"]) for d in guest.memory_devices()]
        assert guest.memory_size() == (GIB, 384 * MIB)
        assert guest.layout() == {
            "ram-below-4g": (0, GIB),
            "device-memory": (4 * GIB, 3 * GIB + 4 * GIB),
        }
    assert sorted(reported) == [(slot, *dimm) for slot, dimm in enumerate(dimms)]


def test_qemu_plugs_while_paused(qemu: ModuleType) -> None:
    """A DIMM can be hot-plugged over QMP; QEMU chooses the lowest slot and address."""
    with qemu.running(dimm_args(boot=GIB, maximum=4 * GIB)) as guest:
        guest.execute("object-add", qom_type="memory-backend-ram", id="m", size=128 * MIB)
        guest.execute("device_add", driver="pc-dimm", id="d", memdev="m")
        (dimm,) = guest.memory_devices()
    assert (dimm["slot"], dimm["addr"], dimm["hotplugged"]) == (0, 4 * GIB, True)


def test_qemu_refusals_carry_its_own_text(qemu: ModuleType) -> None:
    """Refused arguments and refused commands raise with what QEMU prints."""
    ok, text = qemu.accepts(["-machine", "q35", "-m", "1G,slots=257,maxmem=2G"])
    assert not ok
    assert "unsupported amount of memory slots: 257" in text
    with (
        qemu.running(dimm_args(boot=GIB, maximum=4 * GIB)) as guest,
        pytest.raises(qemu.QemuError, match="'memdev' property must be set"),
    ):
        guest.execute("device_add", driver="pc-dimm")


def test_qemu_is_gone_after_the_block(qemu: ModuleType) -> None:
    """Neither success nor an exception in the block leaves a QEMU behind."""
    before = children()
    with qemu.running(["-machine", "q35"]):
        assert len(children()) == len(before) + 1
    with pytest.raises(ZeroDivisionError), qemu.running(["-machine", "q35"]):
        raise ZeroDivisionError
    assert children() == before


def test_phys_bits_and_vendor_are_the_callers(qemu: ModuleType) -> None:
    """The address limit and AMD's hole at 1 TiB follow the arguments, not this host's processor."""
    args = qemu.lightened(dimm_args(boot=4 * GIB, maximum=1000 * GIB))
    ok, text = qemu.accepts(args)
    assert not ok
    assert "phys-bits too low (40)" in text
    for vendor, base in [("GenuineIntel", 6 * GIB), ("AuthenticAMD", TIB + 2 * GIB)]:
        with qemu.running(args, phys_bits=48, vendor=vendor) as guest:
            assert guest.layout()["device-memory"][0] == base


def test_lightened_guests_may_be_larger_than_the_host(qemu: ModuleType) -> None:
    """A guest of more than 1 TiB starts where its backends are not reserved."""
    args = dimm_args((TIB, TIB), boot=64 * GIB, maximum=2 * TIB)
    with qemu.running(qemu.lightened(args), phys_bits=46, vendor="GenuineIntel") as guest:
        (dimm,) = guest.memory_devices()
    assert (dimm["size"], dimm["addr"]) == (TIB, TIB)


def test_lightened_hugepage_backends_need_no_pool(qemu: ModuleType) -> None:
    """Backends on 2 MiB and 1 GiB pages start without a page in the pools, unless reserved."""
    backend = {"qom-type": "memory-backend-memfd", "hugetlb": True, "prealloc": True}
    args = ["-machine", "q35,memory-backend=a", "-m", "64G"]
    for page_size in (2 * MIB, GIB):
        given = {**backend, "id": "a", "hugetlbsize": page_size, "size": 64 * GIB}
        placed = {**given, "host-nodes": [99], "policy": "bind"}
        heavy = [*args, "-object", json.dumps(placed)]
        assert qemu.accepts(heavy)[0] is False
        assert qemu.accepts(qemu.lightened(heavy))[0] is False, "node 99 is still asked for"
        assert qemu.accepts(qemu.lightened(heavy, bound=False)) == (True, "")


def test_libvirt_starts_a_domain_as_written(libvirtd: Libvirtd, domain_type: str) -> None:
    """Defined and started paused, a domain shows its DIMMs' nodes, slots and bases."""
    xml = domain_xml(domain_type)
    wanted = dimm_addresses(xml)
    assert len(wanted) == 2
    name = libvirtd.define(xml)
    assert dimm_addresses(libvirtd.dumpxml(name, live=False)) == wanted
    libvirtd.start_paused(name)
    assert libvirtd.virsh("domstate", name).strip() == "paused"
    assert dimm_addresses(libvirtd.dumpxml(name)) == wanted
    answer = json.loads(
        libvirtd.virsh("qemu-monitor-command", name, '{"execute": "query-memory-devices"}')
    )
    assert [device["data"]["addr"] for device in answer["return"]] == [0x1_0000_0000, 0x1_2000_0000]


def test_the_test_before_left_no_domain(libvirtd: Libvirtd) -> None:
    """A domain that a test defined and started is gone for the next test."""
    assert libvirtd.domains() == []


def test_libvirt_refusals_carry_its_own_text(libvirtd: Libvirtd, domain_type: str) -> None:
    """Define and start raise with libvirt's and QEMU's texts."""
    xml = domain_xml(domain_type)
    with pytest.raises(LibvirtError, match="memory slot count must be specified"):
        libvirtd.define(xml.replace("slots='8' ", ""))
    name = libvirtd.define(xml.replace("0x100000000", "0x100000001"))
    with pytest.raises(LibvirtError, match="address must be aligned to 0x200000"):
        libvirtd.start_paused(name)
    assert "pc-dimm" in libvirtd.qemu_log(name)


def test_native_arguments_start_nothing(libvirtd: Libvirtd, domain_type: str) -> None:
    """domxml-to-native gives the arguments of the DIMMs and defines no domain."""
    native = libvirtd.domxml_to_native(domain_xml(domain_type))
    assert '"driver":"pc-dimm"' in native
    assert libvirtd.domains() == []


@pytest.mark.usefixtures("libvirtd")
def test_libvirt_validates_xml(domain_type: str) -> None:
    """virt-xml-validate passes a good domain and names what is wrong with a bad one."""
    xml = domain_xml(domain_type)
    libvirtd_module.virt_xml_validate(xml)
    with pytest.raises(LibvirtError, match="maxMemory"):
        libvirtd_module.virt_xml_validate(xml.replace("slots='8'", "slots='many'"))


def test_a_second_libvirtd_is_apart_and_leaves_nothing(
    libvirtd: Libvirtd, domain_type: str
) -> None:
    """Two daemons do not see each other; one that ends takes its domains and folder along."""
    name = f"apart-{os.getpid()}"
    before = children()
    with libvirtd_module.running() as second:
        second.define(domain_xml(domain_type).replace("two-dimms", name))
        second.start_paused(name)
        assert libvirtd.domains() == []
        assert f"guest={name}" in command_lines()
    assert not second.root.exists()
    assert str(second.root) not in Path("/proc/mounts").read_text()
    assert f"guest={name}" not in command_lines()
    assert children() == before


@pytest.mark.parametrize("page_size", [2 * MIB, GIB])
def test_libvirt_backs_a_domain_with_hugepages(
    hugepages: ModuleType, libvirtd: Libvirtd, domain_type: str, page_size: int
) -> None:
    """A domain on hugepages takes its GiB from the pool at its start and returns it at its end."""
    before = hugepages.free(page_size)
    name = libvirtd.define(hugepage_domain_xml(domain_type, page_size))
    libvirtd.start_paused(name)
    assert (before - hugepages.free(page_size)) * page_size == GIB
    libvirtd.forget(name)
    assert hugepages.free(page_size) == before


def test_hugepages_are_given_back() -> None:
    """Pages are free within the block, and after it the pool is as it was, even after an error."""
    size, free = 2 * MIB, 0
    with hugepages_module.alone():
        before = hugepages_module.total(size)
        try:
            with contextlib.suppress(ZeroDivisionError), hugepages_module.reserved({size: 8}):
                free = hugepages_module.free(size)
                raise ZeroDivisionError
        except hugepages_module.NotPermittedError as error:
            pytest.skip(f"needs hugepages: {error}")
        assert hugepages_module.total(size) == before
    assert free >= 8


def test_hugepages_of_an_unknown_size_are_not_permitted() -> None:
    """A pool that the kernel does not have is an error that names it; the others are given back."""
    pages = {2 * MIB: 8, 3 * MIB: 1}
    with hugepages_module.alone():
        before = hugepages_module.total(2 * MIB)
        with (
            pytest.raises(hugepages_module.NotPermittedError, match="hugepages-"),
            hugepages_module.reserved(pages),
        ):
            pass
        assert hugepages_module.total(2 * MIB) == before


def children() -> set[int]:
    """The pids of this process's children."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def command_lines() -> str:
    """The command lines of all processes that can be seen."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            lines.append(process.read_text(errors="replace"))
    return "\n".join(lines)
