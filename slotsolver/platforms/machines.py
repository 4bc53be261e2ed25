"""From a machine type's name to its :class:`Platform`."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache

from slotsolver.errors import InputError
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.pseries import PseriesPlatform
from slotsolver.platforms.virt import VirtPlatform
from slotsolver.platforms.x86 import PcPlatform, Q35Platform

_FAMILIES: dict[str, type[Platform]] = {
    "q35": Q35Platform,
    "pc-q35": Q35Platform,
    "pc": PcPlatform,
    "pc-i440fx": PcPlatform,
    "virt": VirtPlatform,
    "pseries": PseriesPlatform,
}
_ALIASES = ("q35", "pc", "virt", "pseries")
_NAME = re.compile(r"(pc-q35|pc-i440fx|virt|pseries)-(.+)", re.ASCII)
_NUMBERED = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?", re.ASCII)
_DISTRIBUTOR = re.compile(
    r"rhel\d+\.\d+(\.\d+)?|"
    r"(xenial|bionic|focal|jammy|noble|[a-z]{5,10})(-hpb|-sstb|-maxcpus|-v[1-9])+|"
    r"xenial|bionic|focal|jammy|noble",
    re.ASCII,
)
_WITHOUT_HOTPLUG = ("isapc", "microvm", "none", "x-remote")
_OLDEST_WITH_HOTPLUG = (2, 1)


@lru_cache(maxsize=256)
def platform_for(machine: str) -> Platform:
    """The platform of a machine type such as ``q35``, ``pc-i440fx-6.0`` or ``virt-7.2``.

    A distributor's own type (``pc-q35-rhel9.2.0``, ``pc-q35-jammy``) is taken as the newest of its
    family. Raises :class:`InputError` for a type that is unknown or has no memory hotplug, with
    QEMU's words (QEMU 7.2 hw/i386/pc.c:pc_memory_init, softmmu/vl.c:select_machine).
    """
    if machine in _ALIASES:
        return _FAMILIES[machine](machine)
    if machine in _WITHOUT_HOTPLUG:
        raise _without_hotplug(machine)
    match = _NAME.fullmatch(machine)
    if match is None:
        raise _unknown(machine)
    family, suffix = match.groups()
    numbered = _NUMBERED.fullmatch(suffix)
    if numbered is None:
        if _DISTRIBUTOR.fullmatch(suffix) is None:
            raise _unknown(machine)
        return _FAMILIES[family](machine)
    version = (int(numbered[1]), int(numbered[2]))
    if family.startswith("pc-") and version < _OLDEST_WITH_HOTPLUG:
        raise _without_hotplug(machine)
    return _FAMILIES[family](machine, version)


def _without_hotplug(machine: str) -> InputError:
    return InputError(
        f"\"-memory 'slots|maxmem'\" is not supported by: {machine}; "
        "use q35, pc (i440fx 2.1 or newer), virt or pseries"
    )


def _unknown(machine: str) -> InputError:
    near = difflib.get_close_matches(machine, [*_ALIASES, "pc-q35-7.2", "pc-i440fx-7.2"], n=1)
    hint = f"did you mean {near[0]!r}" if near else "known are q35, pc, virt, pseries"
    return InputError(
        f"unsupported machine type {machine!r}; {hint}, each also with a version as in pc-q35-7.2"
    )
