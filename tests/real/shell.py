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
from tests.real.linux import TIMEOUT_SECONDS, Linux, Report, last_report, linux

SHELL = """
exec </dev/ttyS1 >/dev/ttyS1 2>&1
/bin/busybox stty raw -echo
echo "status 0 end"
while read -r line; do
    eval "$line"
    echo "status $? end"
done
"""
STATUS = re.compile(rb"status (\d+) end\r?\n")
MEMINFO = re.compile(r"(\w+): +(\d+) kB")


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

    def report(self) -> Report:
        """The memory that the guest has now."""
        report = last_report(self.run("memory"))
        assert report is not None
        return report

    def until(
        self, fits: Callable[[Report], bool], *, seconds: float = TIMEOUT_SECONDS
    ) -> Report:
        """The first report that fits, or the last one before time is out."""
        deadline = time.monotonic() + seconds
        while not fits(report := self.report()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return report

    def meminfo(self) -> dict[str, int]:
        """``/proc/meminfo``, in bytes."""
        lines = self.run("/bin/busybox cat /proc/meminfo")
        return {name: int(kib) * KiB for name, kib in MEMINFO.findall(lines)}


@contextlib.contextmanager
def booted(
    qemu: ModuleType, arguments: Sequence[str], folder: Path, *, modules: Sequence[str] = ()
) -> Iterator[tuple[Any, Shell]]:
    """QEMU with these arguments, and the shell of the Linux in it, whose new memory is movable.

    Raises :class:`tests.real.linux.NoLinuxError`.
    """
    guest = linux(folder, then=SHELL, online="online_movable", modules=modules)
    path = folder / "shell"
    arguments = [*arguments, *guest.arguments, "-serial", f"unix:{path},server=on,wait=off"]
    with (
        qemu.running(arguments) as running,
        socket.socket(socket.AF_UNIX) as channel,
    ):
        channel.settimeout(TIMEOUT_SECONDS)
        channel.connect(str(path))
        shell = Shell(guest, channel)
        running.execute("cont")
        shell.read("boot")
        yield running, shell
