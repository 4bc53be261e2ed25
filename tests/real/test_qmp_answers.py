"""What a real QEMU answers is read, and is what it was started with."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

from slotsolver.ingest.guest import read_guest
from slotsolver.ingest.qmp_session import QUERIES
from slotsolver.problem import Device, Guest
from slotsolver.size import GiB, KiB, MiB

ARGUMENTS = [
    *("-machine", "q35,nvdimm=on", "-smp", "2", "-m", "size=512M,slots=6,maxmem=8G"),
    *("-object", "memory-backend-ram,id=ram0,size=256M,host-nodes=0,policy=bind"),
    *("-object", "memory-backend-ram,id=ram1,size=256M"),
    *("-numa", "node,nodeid=0,cpus=0,memdev=ram0", "-numa", "node,nodeid=1,cpus=1,memdev=ram1"),
    *("-object", "memory-backend-ram,id=m4,size=128M,host-nodes=0,policy=bind"),
    *("-device", "pc-dimm,id=dimm4,memdev=m4,slot=4,node=1,addr=0x180000000"),
    *("-object", "memory-backend-ram,id=n0,size=256M"),
    *("-device", "nvdimm,id=nvdimm0,memdev=n0,slot=0,node=0,addr=0x140000000,label-size=128K"),
    *("-object", "memory-backend-ram,id=v,size=1G"),
    *("-device", "virtio-mem-pci,id=vm,memdev=v,node=0,requested-size=64M,memaddr=0x200000000"),
]

GUEST = f"""\
name: g
cells: [{{cpus: 0, memory: 256 MiB}}, {{cpus: 1, memory: 256 MiB}}]
slots: 6
maximum: 8 GiB
devices:
  - {{model: nvdimm, size: 256 MiB, label: 128 KiB, slot: 0, cell: 0, address: {0x140000000}}}
"""


def answered(qemu: ModuleType, folder: Path) -> Guest:
    """The guest as the real QEMU tells it, all answers in one file."""
    with qemu.running(ARGUMENTS) as real:
        answers = {query: real.execute(query) for query in QUERIES}
    (folder / "answers.json").write_text(json.dumps(answers))
    (folder / "guest.yaml").write_text(GUEST)
    return read_guest(str(folder / "guest.yaml"), qmp=[str(folder / "answers.json")])


def test_answers_of_a_real_qemu(qemu: ModuleType, tmp_path: Path) -> None:
    """Models, sizes, slots, addresses, nodes, bindings and names are those of its command line."""
    guest = answered(qemu, tmp_path)
    nvdimm, *others = guest.devices
    assert nvdimm == Device(
        model="nvdimm",
        size=256 * MiB,
        cell=0,
        slot=0,
        address=0x140000000,
        label=128 * KiB,
        alias="nvdimm0",
        backend="n0",
    )
    assert others == [
        Device(
            size=128 * MiB,
            cell=1,
            slot=4,
            address=0x180000000,
            host_nodes=(0,),
            alias="dimm4",
            backend="m4",
        ),
        Device(
            model="virtio-mem",
            size=GiB,
            cell=0,
            address=0x200000000,
            block=2 * MiB,
            requested=64 * MiB,
            current=0,
            alias="vm",
            backend="v",
        ),
    ]
    assert guest.running
    assert guest.target == guest.size_now == (512 + 256 + 128 + 64) * MiB
