"""virtio-mem devices in domain XML: planned ones, and those that give more or less."""

from __future__ import annotations

import pytest

from slotsolver.export.libvirt import domain_xml
from slotsolver.plan import PlannedVirtioMem
from slotsolver.problem import Problem
from slotsolver.size import GiB, KiB, MiB
from tests.export.plans import Dimm, guest_of, host_of, plan_of, planned_guest
from tests.export.test_libvirt import changes, edited, with_dimms

VIRTIO = PlannedVirtioMem(
    number=0,
    cell=0,
    size=GiB,
    block=2 * MiB,
    requested=4 * MiB,
    before=4 * MiB,
    stages=(4 * MiB,),
    page_size=4 * KiB,
    host_nodes=(),
    address=5 * GiB,
)
NEW = VIRTIO.model_copy(update={"number": 1, "cell": 1, "before": None, "address": 6 * GiB})
LIVE_VIRTIO = (
    "<memory model='virtio-mem'><target><size>1048576</size><node>0</node><block>2048</block>"
    "<requested>4096</requested><current>{}</current></target>"
    "<alias name='virtiomem0'/></memory>"
)


def test_virtio_mem_is_written_from_its_sizes() -> None:
    """A virtio-mem needs no file: size, cell, block and requested size are all of it; <memory>
    counts it whole."""
    device = {"model": "virtio-mem", "size": GiB, "cell": 0, "block": 2 * MiB, "requested": 4 * MiB}
    guest = guest_of(1, devices=[device])
    planned = planned_guest(guest, [GiB])
    planned = planned.model_copy(update={"virtio_mem": (VIRTIO,), "memory": GiB + 4 * MiB})
    xml = domain_xml(Problem(guests=(guest,)), plan_of(planned), "db1")
    assert "<requested unit='KiB'>4096</requested>" in xml
    assert f"<memory unit='KiB'>{2 * GiB // KiB}</memory>" in xml
    assert "<source>" not in xml


@pytest.mark.parametrize(
    ("libvirt", "address"), [("9.0", ""), ("9.3", ""), ("9.4", "<address base='0x180000000'/>")]
)
def test_virtio_mem_is_pinned_where_libvirt_can(libvirt: str, address: str) -> None:
    """Its address can be written from 9.4 on; before, QEMU finds the same, behind the DIMMs."""
    guest = guest_of(2)
    planned = planned_guest(guest, [GiB, GiB], [Dimm(0, GiB)])
    planned = planned.model_copy(update={"virtio_mem": (NEW,)})
    problem = Problem(guests=(guest,), libvirt=libvirt)
    xml = domain_xml(problem, plan_of(planned), "db1")
    assert xml.index("model='dimm'") < xml.index("model='virtio-mem'")
    tail = "".join(line.strip() for line in xml[xml.index("<requested") :].splitlines())
    assert tail.startswith(f"<requested unit='KiB'>4096</requested>{address}</target>")


def test_virtio_mem_on_pages_of_its_own() -> None:
    """A source stands where the device is not backed as its cell is."""
    guest = guest_of(2)
    planned = planned_guest(guest, [GiB, GiB], page_sizes=[2 * MiB] * 2, host_nodes=[(0,), (1,)])
    own = NEW.model_copy(update={"host_nodes": (0,)})
    planned = planned.model_copy(update={"virtio_mem": (own,)})
    xml = domain_xml(Problem(host=host_of(2), guests=(guest,)), plan_of(planned), "db1")
    source = "".join(line.strip() for line in xml[xml.index("<source>") :].splitlines())
    assert source.startswith(
        "<source><pagesize unit='KiB'>4</pagesize><nodemask>0</nodemask></source><target>"
    )


def resized(xml: str, requested: int, current: int | None = None, *more: PlannedVirtioMem) -> str:
    """The document when its virtio-mem device is to give so much; ``current`` is what QEMU says it
    gives now."""
    device = {"model": "virtio-mem", "size": GiB, "cell": 0, "block": 2 * MiB}
    guest = guest_of(2, devices=[{**device, "requested": 4 * MiB, "current": current}])
    planned = planned_guest(guest, [GiB, GiB], slots=6, maximum=8 * GiB)
    moved = VIRTIO.model_copy(update={"requested": requested, "alias": "virtiomem0"})
    return edited(xml, guest, planned.model_copy(update={"virtio_mem": (moved, *more)}))


def with_virtio(current: int, kib: int) -> str:
    """A document whose device gives ``current`` KiB and whose balloon is at ``kib``."""
    totals = f"  <memory>3145728</memory>\n  <currentMemory>{kib}</currentMemory>\n  <features>"
    return with_dimms(LIVE_VIRTIO.format(current)).replace("  <features>", totals)


@pytest.mark.parametrize("said", [4096, 2048, 0])
@pytest.mark.parametrize("requested", [8192, 4096, 0])
def test_virtio_mem_moves_current_memory(said: int, requested: int) -> None:
    """<currentMemory> counts what the device gives, <memory> all of it: only the one moves, and by
    what the device does not give yet too."""
    xml = with_virtio(said, 2097152 + said)
    gone, new = changes(xml, resized(xml, requested * KiB))
    total = 2097152 + requested
    wanted = [f"<currentMemory>{total}</currentMemory>"] if requested != said else []
    element = [LIVE_VIRTIO.format(said).replace(">4096<", f">{requested}<", 1)]
    assert new == wanted + (element if requested != 4096 else [])
    assert len(gone) == len(new)


def test_virtio_mem_gives_what_qemu_says() -> None:
    """A migratable XML does not say what the device gives: QEMU does; else it is what was
    requested."""
    xml = with_virtio(0, 2097152 + 1024).replace("<current>0</current>", "")
    assert "<currentMemory>2105344</currentMemory>" in resized(xml, 8 * MiB, MiB)
    xml = with_virtio(0, 2097152 + 4096).replace("<current>0</current>", "")
    assert "<currentMemory>2105344</currentMemory>" in resized(xml, 8 * MiB)


def test_new_virtio_mem_stands_behind() -> None:
    """A new device comes last, and counts whole in the total."""
    xml = with_virtio(4096, 3145728)
    after = resized(xml, 4 * MiB, None, NEW)
    assert "<memory>4194304</memory>" in after
    assert after.index("<node>1</node>") > after.index("virtiomem0")
