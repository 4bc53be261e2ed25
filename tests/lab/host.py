"""A lab host that runs: booted, asked, ended."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from slotsolver.size import KiB
from tests.lab.image import image
from tests.lab.shapes import SHAPES, Shape
from tests.real import debian, qemu
from tests.real.libvirtd import Libvirt, LibvirtError

HERE = Path(__file__).parent
MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"),
    *("virtio_blk", "failover", "net_failover", "virtio_net"),
)
"""The kernel's modules for disk and network, each after those that it needs."""

FORWARDED = {"libvirt": 16509, "shell": 4000, "files": 4001}
"""What is listened to inside, and on which port."""

MACHINE = (*("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max,-erms,-fsrm", "-no-reboot"),)
"""A kernel that clears memory byte by byte, as one may with erms, is slow under emulation."""

KERNEL_OPTIONS = "console=ttyS0 quiet panic=-1 nokaslr numa_balancing=disable init_on_alloc=0"
"""The kernel lies where it leaves room for pages of 1 GiB, nothing moves pages afterwards, and none
are cleared twice (Debian's kernel would)."""

STATUS = re.compile(rb"status (\d+) end\n\Z")
BOOT_SECONDS = 180.0
ANSWER_SECONDS = 120.0


class LabError(Exception):
    """A command failed in the lab, or the lab does not come up; says why."""


class Lab(Libvirt):
    """A lab host that runs. Made by :func:`running`."""

    seconds = ANSWER_SECONDS

    def __init__(self, shape: Shape, ports: dict[str, int], console: Path) -> None:
        self.shape = shape
        self.ports = ports
        self.console = console
        self.uri = f"qemu+tcp://127.0.0.1:{ports['libvirt']}/system"

    def run(self, command: str) -> bytes:
        """What a command of the shell prints; raises :class:`LabError` where it fails."""
        text = self._sent("shell", f"({command}\n) 2>&1\necho status $? end\n".encode())
        found = STATUS.search(text)
        if found is None or found[1] != b"0":
            raise LabError(f"{command!r}: {text[-2000:].decode(errors='replace')}")
        return text[: found.start()]

    def text(self, command: str) -> str:
        """The same as text."""
        return self.run(command).decode(errors="replace")

    def put(self, files: Mapping[str, Path]) -> None:
        """Copy files there; ``files`` has them by their paths there."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, file in files.items():
                archive.add(file, path.lstrip("/"))
        if said := self._sent("files", packed.getvalue()):
            raise LabError(said.decode(errors="replace"))

    def _sent(self, port: str, data: bytes) -> bytes:
        """What comes back on one of the ports until the other side is done."""
        address = ("127.0.0.1", self.ports[port])
        with socket.create_connection(address, ANSWER_SECONDS) as channel:
            channel.sendall(data)
            channel.shutdown(socket.SHUT_WR)
            with channel.makefile("rb") as answer:
                return answer.read()

    def numa_maps(self, name: str) -> str:
        """Where the memory of a domain's QEMU lies (``/proc/PID/numa_maps``)."""
        return self.text(f"cat /proc/$(cat '/run/libvirt/qemu/{name}.pid')/numa_maps")

    def maps(self, name: str) -> str:
        """What is mapped in a domain's QEMU (``/proc/PID/maps``)."""
        return self.text(f"cat /proc/$(cat '/run/libvirt/qemu/{name}.pid')/maps")

    def pools(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Pages of huge pages, total and free, by host node and page size in bytes."""
        script = "cd /sys/devices/system/node && for pool in node*/hugepages/*; do "
        script += 'echo "$pool $(cat $pool/nr_hugepages) $(cat $pool/free_hugepages)"; done'
        found = re.findall(r"node(\d+)/hugepages/hugepages-(\d+)kB (\d+) (\d+)", self.text(script))
        return {
            (int(node), int(kib) * KiB): (int(total), int(free)) for node, kib, total, free in found
        }

    def reserve(self, node: int, page_size: int, total: int) -> None:
        """Have so many pages in a pool; what the kernel keeps in the memory of files gives way."""
        folder = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{page_size // KiB}kB"
        self.run(
            f"cd {folder} && [ $(cat nr_hugepages) = {total} ] && exit\n"
            f"sync; echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory\n"
            f"echo {total} >nr_hugepages && [ $(cat nr_hugepages) = {total} ]"
        )

    def sysfs(self, folder: Path) -> Path:
        """A copy of its ``/sys`` and ``/proc`` in ``folder``, as far as they tell of memory."""
        packed = self.run(COPY)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        return folder / "sys"


COPY = """
mkdir -p /tmp/copy && cd /tmp/copy
for file in /sys/devices/system/node/online /sys/devices/system/node/node*/* \\
        /sys/devices/system/node/node*/hugepages/*/* /proc/meminfo /proc/cpuinfo; do
    [ -f "$file" ] && [ -r "$file" ] && [ "${file##*/}" != compact ] || continue
    mkdir -p ".${file%/*}" && cat "$file" >".$file" 2>/dev/null
done
tar -c sys proc
"""
"""Not tar alone: it believes the sizes that sysfs tells of its files."""


@contextlib.contextmanager
def running(shape: Shape, folder: Path, link: Path) -> Iterator[Lab]:
    """A host of that shape, booted, whose libvirtd answers.

    Its files are in ``folder``; in ``link`` are the sockets over which the hosts reach each other.

    Raises :class:`tests.real.debian.NoLinuxError` where it cannot be built, :class:`LabError` where
    it does not come up.
    """
    console = folder / "console"
    arguments = [*MACHINE, *shape.arguments(), *_boot(shape, folder), *_network(shape, link)]
    arguments += ["-serial", f"file:{console}"]
    arguments += ["-drive", f"file={image()},format=raw,if=virtio,snapshot=on"]
    with qemu.running(arguments) as machine:
        lab = Lab(shape, _ports(machine.hmp("info usernet")), console)
        machine.execute("cont")
        _await(lab)
        reserved = {pool: total for pool, (total, _) in lab.pools().items() if total}
        if reserved != shape.huge():
            raise LabError(f"the lab has other pools than it should: {reserved}")
        _keep_capabilities(lab)
        yield lab


def _boot(shape: Shape, folder: Path) -> list[str]:
    """Debian's kernel, and what it starts with."""
    files = {"bin/busybox": debian.busybox().read_bytes()}
    files["init"] = (HERE / "initramfs.sh").read_bytes()
    files["lab/init"] = (HERE / "init.sh").read_bytes()
    files["lab/settings"] = (
        f"hostname {shape.name}\naddress={shape.address}\n{shape.pools()}".encode()
    )
    for name in ("libvirtd.conf", "qemu.conf"):
        files[f"lab/{name}"] = (HERE / name).read_bytes()
    made = folder / "initramfs"
    made.write_bytes(debian.archive(files | debian.modules(MODULES)))
    if (known := _capabilities()).exists():
        files["lab/capabilities.tar"] = known.read_bytes()
    options = f"{KERNEL_OPTIONS} {shape.boot_options()}"
    return ["-kernel", str(debian.kernel()), "-initrd", str(made), "-append", options]


def _network(shape: Shape, link: Path) -> list[str]:
    """A way in from loopback, no way out, and the link to the other host."""
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:0-:{port}" for port in FORWARDED.values())
    line = ["-netdev", f"user,id=net,restrict=on,ipv6=off{forwards}"]
    line += ["-device", "virtio-net-pci,netdev=net"]
    (other,) = (name for name in SHAPES if name != shape.name)
    ends = f"local.type=unix,local.path={link / shape.name}"
    ends += f",remote.type=unix,remote.path={link / other}"
    mac = f"52:54:00:00:00:0{shape.address[-1]}"
    line += ["-netdev", f"dgram,id=link,{ends}", "-device", f"virtio-net-pci,netdev=link,mac={mac}"]
    return line


def _ports(usernet: str) -> dict[str, int]:
    """The local ports that QEMU chose, as ``info usernet`` tells them."""
    found = re.findall(r"TCP\[HOST_FORWARD\] +\d+ +127\.0\.0\.1 +(\d+) +\S+ +(\d+)", usernet)
    outside = {int(inner): int(outer) for outer, inner in found}
    return {name: outside[port] for name, port in FORWARDED.items()}


def _capabilities() -> Path:
    """What libvirt found out of the QEMU in the image: a file beside it. libvirt knows when it is
    out of date (qemu/qemu_capabilities.c:virQEMUCapsIsValid)."""
    return image().with_suffix(".capabilities.tar")


def _keep_capabilities(lab: Lab) -> None:
    """Keep what was found out, which takes 10 seconds of every boot."""
    if not (file := _capabilities()).exists():
        data = lab.run("tar -c -C / var/cache/libvirt/qemu/capabilities")
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as made:
            made.write(data)
        Path(made.name).rename(file)


def _await(lab: Lab) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            lab.virsh("version")
        except LibvirtError as error:
            if time.monotonic() < deadline:
                time.sleep(0.5)
                continue
            text = lab.console.read_text(errors="replace")
            raise LabError(f"the lab does not come up: {error}\n{text[-2000:]}") from error
        return
