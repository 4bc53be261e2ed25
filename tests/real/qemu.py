"""A real ``qemu-system-x86_64``, started paused, asked over QMP, always ended by its own pid.

The emulated accelerator (TCG) is the default, although KVM may work: a paused guest runs nothing,
and TCG takes any ``phys-bits`` and ``vendor`` whatever the host's processor is, needs no
``/dev/kvm``, and costs a fraction of a second per TiB where a nested KVM was seen to need several
seconds. Slots, addresses and texts are the same (they are decided in hw/mem and hw/i386, which know
no accelerator), but for one thing: KVM has a limit of memory slots.

How large a guest can be: QEMU maps a memory backend when it starts and touches none of it. Whether
the kernel allows the mapping is ``vm.overcommit_memory``'s matter (see :func:`backend_limit`).
:func:`lightened` asks QEMU not to reserve (MAP_NORESERVE): then only the 47 bits of a process's
address space limit a guest, and hugepage backends need no pages in the pool.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

BINARY = "qemu-system-x86_64"
TIMEOUT_SECONDS = 60.0

REGION = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16}) \(prio .*?\): (?:alias )?([\w.-]+)")
REGIONS = ("ram-below-4g", "ram-above-4g", "device-memory")


class QemuError(Exception):
    """QEMU's own text: it refused to start (standard error), or it refused a QMP command."""


class Qemu:
    """A running, paused QEMU. Made by :func:`running`."""

    def __init__(self, channel: socket.socket) -> None:
        self._lines = channel.makefile("rwb")
        self._events: list[dict[str, Any]] = []

    def close(self) -> None:
        """Leave the monitor."""
        with contextlib.suppress(OSError):
            self._lines.close()

    def execute(self, command: str, **arguments: Any) -> Any:
        """The answer to a QMP command (``_`` in argument names stands for ``-``)."""
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        return self.send({"execute": command, "arguments": named})

    def send(self, request: Mapping[str, Any]) -> Any:
        """The answer to a QMP request as it would stand in a file of QMP commands."""
        return self.send_line(json.dumps(request))["return"]

    def send_line(self, line: str) -> dict[str, Any]:
        """The whole answer to a line as it stands in a file of QMP commands.

        Events from now on, those before the answer included, are kept for :meth:`await_event`;
        earlier ones are forgotten.
        """
        self._events.clear()
        self._lines.write(line.encode() + b"\n")
        self._lines.flush()
        while "return" not in (answer := self.read()):
            if "error" in answer:
                raise QemuError(answer["error"]["desc"])
            self._events.append(answer)
        return answer

    def await_event(self, *wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The first event since the last command that is one of those wanted: that has its name and
        at least its data. Raises :class:`TimeoutError` with the events that came instead."""
        seen = 0
        while True:
            for event in self._events[seen:]:
                if any(holds(event, one) for one in wanted):
                    return event
            seen = len(self._events)
            try:
                self._events.append(self.read())
            except TimeoutError:
                raise TimeoutError(f"none of {wanted} among {self._events}") from None

    def read(self) -> dict[str, Any]:
        """The next message, an event or an answer."""
        line = self._lines.readline()
        if not line:
            raise QemuError("QEMU closed its monitor")
        message: dict[str, Any] = json.loads(line)
        return message

    def hmp(self, line: str) -> str:
        """What the human monitor prints."""
        return str(self.execute("human-monitor-command", command_line=line))

    def memory_devices(self) -> list[dict[str, Any]]:
        """``query-memory-devices``: each device's ``type`` and data, in the order of addresses."""
        answer = self.execute("query-memory-devices")
        return [{"type": device["type"], **device["data"]} for device in answer]

    def memory_size(self) -> tuple[int, int]:
        """Bytes of boot memory and of plugged memory (``query-memory-size-summary``)."""
        summary = self.execute("query-memory-size-summary")
        return summary["base-memory"], summary["plugged-memory"]

    def layout(self) -> dict[str, tuple[int, int]]:
        """Guest-physical base and size in bytes of those of REGIONS that exist (``info mtree``)."""
        found: dict[str, tuple[int, int]] = {}
        for start, end, name in REGION.findall(self.hmp("info mtree")):
            if name in REGIONS:
                found.setdefault(name, (int(start, 16), int(end, 16) - int(start, 16) + 1))
        return found


def holds(value: Any, wanted: Any) -> bool:
    """Whether a JSON value is what is wanted, or an object that has at least what is wanted."""
    if isinstance(wanted, Mapping) and isinstance(value, Mapping):
        return all(key in value and holds(value[key], item) for key, item in wanted.items())
    return bool(value == wanted)


@contextlib.contextmanager
def running(
    args: Sequence[str],
    *,
    accel: str = "tcg",
    phys_bits: int | None = None,
    vendor: str | None = None,
    binary: str = BINARY,
) -> Iterator[Qemu]:
    """A paused QEMU with ``args``; ``-accel`` and ``-cpu`` are added where ``args`` have none.

    ``vendor`` is a CPUID vendor (``GenuineIntel``, ``AuthenticAMD``: QEMU's layout depends on it).
    Raises :class:`QemuError` with QEMU's standard error where QEMU refuses to start.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(TIMEOUT_SECONDS)
    with ours, tempfile.TemporaryFile() as errors:
        with theirs:
            process = subprocess.Popen(
                command(args, accel, phys_bits, vendor, binary),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
            )
        try:
            with contextlib.closing(Qemu(ours)) as qemu:
                greet(qemu, process, errors)
                yield qemu
        finally:
            process.kill()
            process.wait()


def greet(qemu: Qemu, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    """Wait until QEMU answers, which it does after all devices are realised."""
    try:
        qemu.read()
        qemu.execute("qmp_capabilities")
    except (QemuError, OSError) as error:
        process.kill()
        process.wait()
        errors.seek(0)
        text = errors.read().decode(errors="replace").strip()
        raise QemuError(text or f"{error} (exit status {process.returncode})") from error


def command(
    args: Sequence[str], accel: str, phys_bits: int | None, vendor: str | None, binary: str
) -> list[str]:
    """The whole command line. ``setpriv`` ends QEMU with this process, however that may end."""
    line = ["setpriv", "--pdeathsig", "KILL", binary, "-S", "-display", "none", "-nodefaults"]
    line += ["-qmp", "stdio"]
    if "-accel" not in args:
        line += ["-accel", accel]
    if "-cpu" not in args:
        bits = f",phys-bits={phys_bits}" if phys_bits else ""
        line += ["-cpu", "qemu64" + bits + (f",vendor={vendor}" if vendor else "")]
    return [*line, *args]


def accepts(args: Sequence[str], **how: Any) -> tuple[bool, str]:
    """Whether QEMU starts with ``args``, and what it says if not. ``how`` as in :func:`running`."""
    try:
        with running(args, **how):
            return True, ""
    except QemuError as error:
        return False, str(error)


def missing() -> str:
    """Why no QEMU can be started here, or ''."""
    absent = [program for program in (BINARY, "setpriv") if shutil.which(program) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    ok, text = accepts(["-machine", "q35"])
    return "" if ok else f"does not start: {text}"


@functools.cache
def kvm_works() -> bool:
    """Whether KVM can hold a paused guest here."""
    return accepts(["-machine", "q35", "-m", "128M"], accel="kvm")[0]


def backend_limit() -> int | None:
    """The largest memory backend in bytes that the kernel maps without ``reserve=off``; None: any.

    By vm.overcommit_memory: 0 refuses a single mapping larger than RAM and swap together but adds
    nothing up, 1 refuses nothing, 2 adds everything up.
    """
    mode = Path("/proc/sys/vm/overcommit_memory").read_text().strip()
    lines = Path("/proc/meminfo").read_text().splitlines()
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    if mode == "1":
        return None
    if mode == "2":
        return max(0, kib["CommitLimit"] - kib["Committed_AS"]) << 10
    return (kib["MemTotal"] + kib["SwapTotal"]) << 10


def lightened(args: Sequence[str], *, bound: bool = True) -> list[str]:
    """``args`` with every memory backend neither preallocated nor reserved; else the same guest.

    Changes no slot, address or size. ``bound=False`` also drops ``host-nodes`` and ``policy``, for
    plans over more host nodes than this machine has. Knows JSON and legacy ``-object`` values.
    """
    drop = {"prealloc", "reserve", "prealloc-context"} | (
        set() if bound else {"host-nodes", "policy"}
    )
    kept: list[str] = []
    for previous, value in zip(["", *args], args, strict=False):
        is_backend = previous == "-object" and "memory-backend-" in value
        kept.append(_lightened_backend(value, drop) if is_backend else value)
    return kept


def _lightened_backend(value: str, drop: set[str]) -> str:
    if value.startswith("{"):
        given = json.loads(value)
        left = {name: item for name, item in given.items() if name not in drop}
        return json.dumps({**left, "reserve": False})
    parts = [part for part in value.split(",") if part.partition("=")[0] not in drop]
    return ",".join([*parts, "reserve=off"])
