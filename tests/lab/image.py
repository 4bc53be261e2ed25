"""The root file system of the lab's hosts: Debian with libvirtd and QEMU, made once and kept.

debootstrap fetches this machine's own release from the mirror that its apt uses. Nothing is set up
in it; what a host does when it starts comes with its initramfs (:mod:`tests.lab.host`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.real.debian import CACHE, NoLinuxError, run

PACKAGES = ("libvirt-daemon", "libvirt-clients", "qemu-system-x86")
FOLDER = CACHE / "lab"
MIB = 2048
"""Size of the file system; the file is sparse."""

UNWANTED = (
    "usr/lib/*/libvirt/connection-driver/libvirt_driver_n*",
    "usr/lib/*/libvirt/connection-driver/libvirt_driver_interface.so",
    "usr/bin/qemu-system-i386",
    "var/cache/apt/archives/*.deb",
    "usr/share/doc",
)
"""libvirt's network drivers want a firewall, DHCP and D-Bus. Each QEMU is asked for what it can do
when libvirtd starts, which takes seconds under emulation: one is enough."""


def image() -> Path:
    """The file system's image, from the cache or built into it (about a minute; needs root).

    Raises :class:`NoLinuxError`.
    """
    site, release = _origin()
    recipe = repr((PACKAGES, UNWANTED, MIB, release))
    file = FOLDER / f"{release}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.ext4"
    with _alone():
        if not file.exists():
            _build(file, site, release)
    return file


def _build(file: Path, site: str, release: str) -> None:
    if os.geteuid() != 0:
        raise NoLinuxError("debootstrap needs root")
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="building-") as name:
        root, made = Path(name) / "root", Path(name) / "image"
        include = f"--include={','.join(PACKAGES)}"
        run("debootstrap", "--variant=minbase", include, release, str(root), site)
        for pattern in UNWANTED:
            for path in root.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        run(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-d",
            str(root),
            str(made),
            f"{MIB}M",
        )
        made.rename(file)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Nobody else builds within the block."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _origin() -> tuple[str, str]:
    """The mirror that apt takes this machine's Debian from, and the name of the release."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    form = "$(ORIGIN) $(CODENAME) $(SITE)"
    for line in run("apt-get", "indextargets", "--format", form).splitlines():
        if line.split()[:2] == ["Debian", release]:
            return line.split()[2], release
    raise NoLinuxError(f"apt knows no mirror of Debian {release}")


if __name__ == "__main__":
    print(f"the lab's file system, {FOLDER} (the first time a minute)", flush=True)
    print(image())
