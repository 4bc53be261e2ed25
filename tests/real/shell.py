"""A Linux guest that does what it is told: a shell on its second serial port.

One line goes in, what the command prints comes out, ended by a line with its exit status.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from slotsolver.size import KiB
from tests.real.linux import LOAD, TIMEOUT_SECONDS, VIRTIO_MEM, Linux, Report, last_report, linux

SHELL = f"""
/bin/busybox mkdir /data
/bin/busybox mount -t tmpfs -o size=0,mpol=interleave none /data
/bin/busybox dd if=/dev/zero of=/data/boot bs=1M count=16 2>/dev/null
echo online_movable >/sys/devices/system/memory/auto_online_blocks
for file in /sys/devices/system/memory/memory[0-9]*/state; do
    read -r state <"$file" && [ "$state" = offline ] && echo online_movable >"$file"
done
{LOAD}
exec </dev/ttyS1 >/dev/ttyS1 2>&1
/bin/busybox stty raw -echo
echo "status 0 end"
while read -r line; do
    eval "$line"
    echo "status $? end"
done
"""
"""What the guest does. Before its memory devices come online, some of each node's boot memory is
used by a file. Without that Linux 6.1 may lower a virtio-mem device for ever: a node that uses
nothing has "too many" pages isolated as soon as it has one (mm/compaction.c:too_many_isolated)."""

STATUS = re.compile(rb"status (\d+) end\r?\n")


class GuestError(Exception):
    """A command failed in the guest, or the guest answers no more: says which, and how."""


@dataclass(frozen=True)
class Shell:
    """The shell of a guest that runs."""

    guest: Linux
    channel: socket.socket

    def run(self, command: str) -> str:
        """What a command prints; :class:`GuestError` where it fails."""
        self.channel.sendall(command.encode() + b"\n")
        return self.read(command)

    def read(self, command: str) -> str:
        """What the guest prints until the command is done."""
        text = b""
        while (found := STATUS.search(text)) is None:
            try:
                text += self.channel.recv(1 << 16)
            except TimeoutError:
                end = self.guest.console.read_text(errors="replace")[-2000:]
                raise GuestError(f"no answer to {command!r}; the console ends {end!r}") from None
        printed = text[: found.start()].decode(errors="replace")
        if found[1] != b"0":
            raise GuestError(f"{command!r}: exit status {found[1].decode()}, {printed!r}")
        return printed

    def fill(self, name: str, size: int, *, source: str = "zero") -> None:
        """Have ``size`` bytes of the guest's memory in use, on every node alike: a file of them."""
        count = f"bs=64K count={size // (64 * KiB)}"
        self.run(f"/bin/busybox dd if=/dev/{source} of=/data/{name} {count} 2>/dev/null")

    def digest(self, name: str) -> str:
        """What stands for the contents of a file that was filled."""
        return self.run(f"/bin/busybox md5sum /data/{name}").split()[0]

    def report(self) -> Report:
        """The memory that the guest has now."""
        report = last_report(self.run("memory"))
        assert report is not None
        return report

    def until(self, fits: Callable[[Report], bool], *, seconds: float = TIMEOUT_SECONDS) -> Report:
        """The first report that fits, or the last one before time is out."""
        deadline = time.monotonic() + seconds
        while not fits(report := self.report()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return report

    def available(self) -> int:
        """What is available on all nodes, bytes: what is free less what Linux keeps for itself."""
        return self._kib("MemAvailable", "/proc/meminfo")

    def free(self, node: int) -> int:
        """What is free on a node, bytes."""
        return self._kib("MemFree", f"/sys/devices/system/node/node{node}/meminfo")

    def _kib(self, name: str, file: str) -> int:
        found = re.search(rf"{name}: +(\d+) kB", self.run(f"/bin/busybox cat {file}"))
        assert found is not None
        return int(found[1]) * KiB

    def fill_node(self, node: int, free: int) -> int:
        """Use memory of a node until about so much of it is free, bytes; what is free then.

        What comes and goes with devices is used first (mm/mmzone.h: ZONE_MOVABLE comes before what
        the kernel itself can use).
        """
        self.run(f"/bin/busybox mkdir /data/{node}")
        options = f"size=0,mpol=bind:{node}"
        self.run(f"/bin/busybox mount -t tmpfs -o {options} none /data/{node}")
        self.fill(f"{node}/full", self.free(node) - free)
        return self.free(node)


def listening(folder: Path) -> Linux:
    """A Linux with such a shell, whose new memory is movable; files are in ``folder``.

    Raises :class:`tests.real.linux.NoLinuxError`.
    """
    return linux(folder, then=SHELL, online="offline", modules=VIRTIO_MEM)


@contextlib.contextmanager
def booted(qemu: ModuleType, arguments: Sequence[str], guest: Linux) -> Iterator[tuple[Any, Shell]]:
    """QEMU with these arguments, and the shell of the guest that runs in it."""
    path = guest.console.with_name("shell")
    arguments = [*arguments, *guest.arguments, "-serial", f"unix:{path},server=on,wait=off"]
    with qemu.running(arguments) as running, socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(TIMEOUT_SECONDS)
        channel.connect(str(path))
        shell = Shell(guest, channel)
        running.execute("cont")
        shell.read("boot")
        yield running, shell
