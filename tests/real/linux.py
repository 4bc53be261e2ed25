"""A Linux guest for the tests: Debian's cloud kernel and a busybox that reports the memory it has.

The two packages are fetched with apt-get and unpacked into the user's cache, not installed. The
guest has nothing but an initramfs, and brings new memory online by itself. Either it prints, a few
times a second, a line with its memory block size, how many blocks are online, and MemTotal of every
node; or it does what it is told over its second serial port (:mod:`tests.real.shell`).
"""

from __future__ import annotations

import functools
import lzma
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slotsolver.size import KiB

KERNEL_PACKAGE, BUSYBOX_PACKAGE = "linux-image-cloud-amd64", "busybox-static"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slotsolver" / "linux"
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


class NoLinuxError(Exception):
    """The kernel or busybox cannot be had; says why."""


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

    def report(self) -> Report | None:
        """The guest's last report; ``None`` before the first one."""
        return last_report(self.console.read_text(errors="replace"))

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
            raise TimeoutError(self.console.read_text(errors="replace")[-2000:])
        return report

    def refusals(self) -> list[str]:
        """The kernel's messages so far about memory that it did not take."""
        return REFUSED.findall(self.console.read_text(errors="replace"))


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
    busybox = _unpacked(BUSYBOX_PACKAGE, "bin/busybox", "usr/bin/busybox")
    files = {"bin/busybox": busybox.read_bytes(), "init": (START + then).encode()}
    kernel = _kernel_package()
    for number, name in enumerate(modules):
        module = _unpacked(kernel, f"lib/modules/*/kernel/**/{name}.ko*")
        files[f"modules/{number}-{name}.ko"] = _plain(module)
    initramfs.write_bytes(archive(files))
    console = folder / "console"
    console.touch()
    return Linux(_unpacked(kernel, "boot/vmlinuz-*"), initramfs, console, online)


def _plain(module: Path) -> bytes:
    """A kernel module; Debian compresses them from Debian 13 on."""
    data = module.read_bytes()
    return lzma.decompress(data) if module.suffix == ".xz" else data


def archive(files: Mapping[str, bytes]) -> bytes:
    """A cpio archive ("newc") of executable files and of the folders that they lie in."""
    folders = {str(parent): b"" for name in files for parent in list(Path(name).parents)[:-1]}
    entries = [*((name, 0o40755, data) for name, data in folders.items())]
    entries += [(name, 0o100755, data) for name, data in files.items()]
    return b"".join(_entries([*entries, ("TRAILER!!!", 0, b"")]))


def _entries(entries: list[tuple[str, int, bytes]]) -> Iterator[bytes]:
    for inode, (name, mode, data) in enumerate(entries, start=1):
        fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        yield head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


@functools.cache
def _kernel_package() -> str:
    """The package that has the kernel itself; ``linux-image-cloud-amd64`` only depends on it."""
    lines = _apt("apt-cache", "depends", KERNEL_PACKAGE).splitlines()
    names = [line.split()[-1] for line in lines if "Depends: linux-image-" in line]
    if not names:
        raise NoLinuxError(f"apt-cache knows no kernel for {KERNEL_PACKAGE}")
    return names[0]


def _unpacked(package: str, *patterns: str) -> Path:
    """The file of a package that fits one of the patterns, from the cache or fetched into it."""
    place = CACHE / package
    if not place.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            fetched = Path(name)
            try:
                _apt("apt-get", "download", package, folder=fetched)
            except NoLinuxError:
                _apt("apt-get", "update")
                _apt("apt-get", "download", package, folder=fetched)
            (archive,) = fetched.glob("*.deb")
            _apt("dpkg", "-x", str(archive), str(fetched / "unpacked"))
            (fetched / "unpacked").rename(place)
    for pattern in patterns:
        for file in place.glob(pattern):
            return file
    raise NoLinuxError(f"{package} has no {' or '.join(patterns)}")


def _apt(*line: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NoLinuxError(f"{line[0]} is not installed") from error
    if done.returncode != 0:
        raise NoLinuxError(f"{' '.join(line[:3])}: {done.stderr.strip()[-300:]}")
    return done.stdout
