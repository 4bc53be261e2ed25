"""``-m size=,slots=,maxmem=``: how QEMU reads it and what it refuses.

QEMU 7.2 softmmu/vl.c:parse_memory_options, hw/core/machine.c:machine_set_mem; then, after the
``-numa`` rules, the board's own checks (``Platform.board_error``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Unpack

from slotsolver.errors import InputError
from slotsolver.platforms.memory_map import MapOptions
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.ranges import MiB, align_up, wrap64

DEFAULT_RAM = 128 * MiB
"""Boot memory without ``-m`` (QEMU 7.2 hw/core/machine.c:machine_class_init)."""

_ROUNDING = 8192
_SIZE = re.compile(r"(0x[0-9a-f]+|\d+(?:\.\d+)?)([bkmgtpe]?)", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"-?\d+|0x[0-9a-f]+", re.ASCII | re.IGNORECASE)
_KEYS = ("size", "slots", "maxmem")


def round_ram(size: int) -> int:
    """Boot memory as QEMU takes it: a multiple of 8 KiB (QEMU 7.2
    hw/core/machine.c:machine_set_mem). Backends must sum up to this."""
    return align_up(size, _ROUNDING)


def parse_qemu_size(text: str) -> int:
    """Bytes of a QEMU size: a number, perhaps with a fraction, and B, K, M, G, T, P or E (powers
    of 1024, any case). Raises :class:`InputError` (QEMU 7.2 util/cutils.c:qemu_strtosz)."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[1][:2] in ("0x", "0X") and match[2]):
        raise InputError(f"{text!r} is not a size for QEMU; write for example '4096M' or '4G'")
    scale = 1024 ** "bkmgtpe".index((match[2] or "b").lower())
    number = int(match[1], 16) if match[1][:2] in ("0x", "0X") else Fraction(match[1])
    if scale == 1 and number != int(number):
        raise InputError(f"{text!r} is a fraction of a byte; write for example '512M' or '0.5G'")
    value = int(number * scale)
    if value >= 1 << 64:
        raise InputError(f"{text!r} is too large for QEMU; sizes stop below 2^64 bytes")
    return value


@dataclass(frozen=True)
class MemoryOption:
    """One ``-m`` option, bytes; ``None`` is what it does not say. ``size`` is not rounded yet."""

    size: int | None = None
    slots: int | None = None
    maxmem: int | None = None

    @property
    def ram(self) -> int:
        """Boot memory in force."""
        return round_ram(self.size) if self.size else DEFAULT_RAM

    @classmethod
    def parse(cls, text: str) -> MemoryOption:
        """Read ``1G``, ``4096,slots=4,maxmem=8G``, ``size=4194304k,slots=4,maxmem=8388608k``.

        A bare size is MiB, a bare maxmem is bytes. A negative slot count wraps, as in QEMU.
        Raises :class:`InputError`.
        """
        values: dict[str, str] = {}
        for position, item in enumerate(text.split(",")):
            key, equals, value = item.partition("=")
            if not equals and position == 0:
                key, value = "size", item
            if key not in _KEYS or (not equals and position):
                raise InputError(
                    f"-m {text}: Invalid parameter '{key}'; known are size, slots, maxmem"
                )
            values[key] = value
        size, slots, maxmem = (values.get(key) for key in _KEYS)
        if size is not None and size.isdigit():
            size += "M"
        if slots is not None and not _COUNT.fullmatch(slots):
            raise InputError(f"-m {text}: Parameter 'slots' expects a number")
        return cls(
            parse_qemu_size(size) if size is not None else None,
            wrap64(int(slots, 0)) if slots is not None else None,
            parse_qemu_size(maxmem) if maxmem is not None else None,
        )


def option_error(size: int | None, slots: int | None, maxmem: int | None) -> str | None:
    """QEMU's text at option time, before NUMA and the board, else ``None``; bytes."""
    ram = MemoryOption(size).ram
    if maxmem is None:
        return "slots specified but no max-size" if slots is not None else None
    if maxmem < ram:
        return (
            f"invalid value of maxmem: maximum memory size (0x{maxmem:x}) must be at least the "
            f"initial memory size (0x{ram:x})"
        )
    if slots and maxmem == ram:
        return (
            "invalid value of maxmem: memory slots were specified but maximum memory size "
            f"(0x{maxmem:x}) is equal to the initial memory size (0x{ram:x})"
        )
    return None


def check_memory_option(
    platform: Platform,
    size: int | None,
    slots: int | None = None,
    maxmem: int | None = None,
    node_memory: Sequence[int] = (),
    **options: Unpack[MapOptions],
) -> str | None:
    """QEMU's text if it refuses this ``-m`` on this machine, else ``None``; bytes.

    In QEMU's order: the option itself, then the board (address space, slots, alignment). What the
    host cannot give is not looked at.
    """
    ram = MemoryOption(size).ram
    return option_error(size, slots, maxmem) or platform.board_error(
        ram, ram if maxmem is None else maxmem, slots or 0, node_memory, **options
    )
