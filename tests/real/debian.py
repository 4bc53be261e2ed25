"""Files of Debian packages, unpacked and not installed, and archives for a kernel to start with.

Packages are fetched with apt-get and kept in the user's cache.
"""

from __future__ import annotations

import functools
import lzma
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

KERNEL_PACKAGE, BUSYBOX_PACKAGE = "linux-image-cloud-amd64", "busybox-static"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slotsolver"


class NoLinuxError(Exception):
    """The kernel, busybox or a root file system cannot be had; says why."""


def kernel() -> Path:
    """Debian's cloud kernel."""
    return unpacked(_kernel_package(), "boot/vmlinuz-*")


def busybox() -> Path:
    """A busybox that needs no libraries."""
    return unpacked(BUSYBOX_PACKAGE, "bin/busybox", "usr/bin/busybox")


def modules(names: Sequence[str]) -> dict[str, bytes]:
    """Modules of that kernel, as files of an archive: ``/modules/00-NAME.ko`` and on, in order."""
    files = {}
    for number, name in enumerate(names):
        module = unpacked(_kernel_package(), f"lib/modules/*/kernel/**/{name}.ko*")
        files[f"modules/{number:02}-{name}.ko"] = _plain(module)
    return files


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
    lines = run("apt-cache", "depends", KERNEL_PACKAGE).splitlines()
    names = [line.split()[-1] for line in lines if "Depends: linux-image-" in line]
    if not names:
        raise NoLinuxError(f"apt-cache knows no kernel for {KERNEL_PACKAGE}")
    return names[0]


def unpacked(package: str, *patterns: str) -> Path:
    """The file of a package that fits one of the patterns, from the cache or fetched into it."""
    place = CACHE / "linux" / package
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as name:
            fetched = Path(name)
            try:
                run("apt-get", "download", package, folder=fetched)
            except NoLinuxError:
                run("apt-get", "update")
                run("apt-get", "download", package, folder=fetched)
            (package_file,) = fetched.glob("*.deb")
            run("dpkg", "-x", str(package_file), str(fetched / "unpacked"))
            (fetched / "unpacked").rename(place)
    for pattern in patterns:
        for file in place.glob(pattern):
            return file
    raise NoLinuxError(f"{package} has no {' or '.join(patterns)}")


def run(*line: str, folder: Path | None = None) -> str:
    """What a program prints; raises :class:`NoLinuxError` where it is missing or fails."""
    try:
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NoLinuxError(f"{line[0]} is not installed") from error
    if done.returncode != 0:
        raise NoLinuxError(f"{' '.join(line[:3])}: {done.stderr.strip()[-300:]}")
    return done.stdout
