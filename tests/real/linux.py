"""A Linux guest for the tests: Debian's cloud kernel and a busybox that reports the memory it has.

Both are of Debian packages (:mod:`tests.real.debian`). The guest has nothing but an initramfs, and
brings new memory online by itself. Either it prints, a few times a second, a line with its memory
block size, how many blocks are online, and MemTotal of every node; or it does what it is told over
its second serial port (:mod:`tests.real.shell`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slotsolver.size import KiB
from tests.real import debian

COMMAND_LINE = "console=ttyS0 quiet memhp_default_state="
TIMEOUT_SECONDS = 60.0

START = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
read block </sys/devices/system/memory/block_size_bytes
memory() {
    blocks=0
    for file in /sys/devices/system/memory/memory[0-9]*/state; do
        read -r state <"$file" && [ "$state" = online ] && blocks=$((blocks + 1))
    done
    line="memory block=$block blocks=$blocks"
    for file in /sys/devices/system/node/node*/meminfo; do
        while read -r _ node name kib _; do
            [ "$name" = MemTotal: ] && line="$line node$node=$kib"
        done <"$file"
    done
    echo "$line end"
}
"""
LOAD = """
for module in /modules/*.ko; do
    [ -e "$module" ] && /bin/busybox insmod "$module"
done
"""
REPORTS = f"""{LOAD}
while :; do
    memory
    /bin/busybox sleep 0.2
done
"""
VIRTIO_MEM = (
    *("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"),
    "virtio_mem",
)
"""The kernel's modules for a virtio-mem device, each after those that it needs."""

REPORT = re.compile(r"memory block=([0-9a-f]+) blocks=(\d+) (.*) end")
NODE = re.compile(r"node(\d+)=(\d+)")
REFUSED = re.compile(r".*(?:unaligned hotplug range|add_memory failed).*")


@dataclass(frozen=True)
class Report:
    """What the guest says of its memory: the block size and the memory of all blocks that are
    online, MemTotal of its nodes; bytes."""

    block: int
    memory: int
    nodes: Mapping[int, int]


@dataclass(frozen=True)
class Linux:
    """A kernel and an initramfs to boot, and the file to which the guest's console goes.

    ``online`` is how the guest brings new memory online (``memhp_default_state``).
    """

    kernel: Path
    initramfs: Path
    console: Path
    online: str = "online"

    @property
    def arguments(self) -> list[str]:
        """QEMU's arguments to boot it."""
        boot = ["-kernel", str(self.kernel), "-initrd", str(self.initramfs)]
        append = f"{COMMAND_LINE}{self.online}"
        return [*boot, "-append", append, "-serial", f"file:{self.console}"]

    def printed(self) -> str:
        """What the guest has printed."""
        return self.console.read_text(errors="replace")

    def report(self) -> Report | None:
        """The guest's last report; ``None`` before the first one."""
        return last_report(self.printed())

    def until(self, memory: int, *, seconds: float = TIMEOUT_SECONDS) -> Report:
        """The first report of ``memory`` bytes online, or the last one before time is out.

        Raises :class:`TimeoutError` with the console's end for a guest that reports nothing.
        """
        deadline = time.monotonic() + seconds
        while (report := self.report()) is None or report.memory != memory:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        if report is None:
            raise TimeoutError(self.printed()[-2000:])
        return report

    def refusals(self) -> list[str]:
        """The kernel's messages so far about memory that it did not take."""
        return REFUSED.findall(self.printed())


def last_report(text: str) -> Report | None:
    """The last report in what the guest has printed; ``None`` where there is none."""
    found = REPORT.findall(text)
    if not found:
        return None
    block, blocks, nodes = found[-1]
    totals = {int(node): int(kib) * KiB for node, kib in NODE.findall(nodes)}
    return Report(int(block, 16), int(blocks) * int(block, 16), totals)


def linux(
    folder: Path, *, then: str = REPORTS, online: str = "online", modules: Sequence[str] = ()
) -> Linux:
    """The guest, with its initramfs and console in ``folder``; raises :class:`NoLinuxError`.

    ``then`` is what it does when it is up, in shell. The kernel's ``modules`` are in ``/modules``,
    in the order of their names.
    """
    initramfs = folder / "initramfs"
    files = {"bin/busybox": debian.busybox().read_bytes(), "init": (START + then).encode()}
    initramfs.write_bytes(debian.archive(files | debian.modules(modules)))
    console = folder / "console"
    console.touch()
    return Linux(debian.kernel(), initramfs, console, online)
