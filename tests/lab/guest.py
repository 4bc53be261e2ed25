"""A Linux that runs in a lab host's guest, and says how much memory is on which of its nodes.

Emulated by an emulated machine it needs two minutes to boot; all that can be is left out of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import Lab
from tests.real.linux import COMMAND_LINE, Linux, linux

SECONDS = 400.0
"""How long the guest may take for anything."""

WHERE = """
where() {
    line=where
    for folder in /sys/devices/system/node/node[0-9]*; do
        blocks=0
        for file in $folder/memory[0-9]*/state; do
            [ -e "$file" ] || continue
            read -r state <"$file" && [ "$state" = online ] && blocks=$((blocks + 1))
        done
        line="$line ${folder##*/}=$blocks"
    done
    echo "$line end"
}
while :; do
    memory
    where
    /bin/busybox sleep 1
done
"""
LINE = re.compile(r"^where (.*) end\r?$", re.MULTILINE)
NODE = re.compile(r"node(\d+)=(\d+)")

XML = """
    <kernel>{folder}/kernel</kernel>
    <initrd>{folder}/initramfs</initrd>
    <cmdline>{options}</cmdline>"""


@dataclass(frozen=True)
class LabLinux(Linux):
    """It, in a lab host; its files are in a folder of that host."""

    lab: Lab | None = None
    there: str = "/guest"

    @property
    def boot(self) -> str:
        """What stands in the domain's ``<os>``."""
        options = (
            f"{COMMAND_LINE}{self.online} init_on_alloc=0 cryptomgr.notests audit=0 apparmor=0"
        )
        return XML.format(folder=self.there, options=options)

    @property
    def serial(self) -> str:
        """The device to which it prints."""
        return f"<serial type='file'><source path='{self.there}/console'/></serial>"

    def printed(self) -> str:
        """What the guest has printed."""
        assert self.lab is not None
        return self.lab.text(f"cat {self.there}/console")

    def has(self, wanted: Mapping[int, int], *, block: int) -> bool:
        """Whether so much memory (bytes) comes to be online on each of the guest's nodes, and no
        more, and it has refused none."""
        blocks = {node: size // block for node, size in wanted.items()}
        deadline = time.monotonic() + SECONDS
        while self._blocks() != blocks:
            if time.monotonic() > deadline:
                return False
            time.sleep(3)
        report = self.report()
        assert report is not None
        return report.block == block and self.refusals() == []

    def _blocks(self) -> dict[int, int]:
        """Memory blocks that are online, by node, in its last report."""
        found = LINE.findall(self.printed())
        return {int(node): int(n) for node, n in NODE.findall(found[-1])} if found else {}


def linux_in(lab: Lab, folder: Path) -> LabLinux:
    """It, with its files copied to the lab; ``folder`` is for making them."""
    made = linux(folder, then=WHERE, online="online_movable")
    found = LabLinux(made.kernel, made.initramfs, made.console, made.online, lab)
    lab.run(f"mkdir -p {found.there} && rm -f {found.there}/console")
    files = {f"{found.there}/kernel": made.kernel, f"{found.there}/initramfs": made.initramfs}
    lab.put(files)
    return found
