"""A host from a sysfs tree: ``/sys``, or a copy of it.

Read are ``devices/system/node/online`` and of every ``node<N>`` beside it ``meminfo``, ``cpulist``
(or ``cpumap``), ``distance`` and ``hugepages/hugepages-<KiB>kB/{nr,free}_hugepages`` (Linux
Documentation/ABI/stable/sysfs-devices-node). Ids may have gaps; memory-less nodes and nodes without
CPUs exist. A ``proc`` beside the tree gives what sysfs does not know: the default hugepage, the
CPU's vendor and its physical address bits.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import first_error, parse_ids
from slotsolver.ingest.capabilities import vendor
from slotsolver.problem import Host
from slotsolver.size import KiB

_NODES = Path("devices/system/node")
_LARGEST = 4 << 20
_SYSTEM = Path("/sys")


def read_local() -> Host:
    """This machine. Without NUMA in its kernel it is one node."""
    return read_sysfs(_SYSTEM)


def read_sysfs(folder: Path) -> Host:
    """The host of a sysfs root, or of a folder that holds one as ``sys``.

    Raises :class:`InputError` that names the file for what is missing or garbled.
    """
    try:
        fields = _host(folder)
    except OSError as error:
        place = str(error.filename or folder)
        raise InputError(f"cannot be read: {error.strerror}", source=place) from None
    try:
        return Host.model_validate(fields)
    except ValidationError as error:
        raise first_error(error, source=str(folder)) from None


def _host(folder: Path) -> dict[str, Any]:
    root = _root(folder)
    proc = root.parent / "proc"
    meminfo = _meminfo(proc / "meminfo") if (proc / "meminfo").exists() else {}
    if (root / _NODES).is_dir() and any((root / _NODES).glob("node[0-9]*")):
        ids = _node_ids(root)
        nodes = [_node(root / _NODES / f"node{i}", i, ids) for i in ids]
    elif meminfo and (root / "devices/system").is_dir():
        nodes = [_only_node(root, meminfo, proc / "meminfo")]
    else:
        raise InputError(
            f"has no {_NODES}/node*; give a sysfs root such as /sys or a copy of it",
            source=str(folder),
        )
    return {
        "nodes": nodes,
        "base_page": _base_page(root),
        "default_hugepage": meminfo.get("Hugepagesize", 0) * KiB or None,
        **_cpu(proc / "cpuinfo"),
    }


def _root(folder: Path) -> Path:
    for root in (folder, folder / "sys"):
        if (root / _NODES).is_dir():
            return root
    return folder


def _base_page(root: Path) -> int:
    """The base page in bytes; a copy does not know it, then it is 4 KiB."""
    return os.sysconf("SC_PAGE_SIZE") if root == _SYSTEM else 4 * KiB


def _node_ids(root: Path) -> list[int]:
    """Ids of the nodes that are online, each of which must have its folder."""
    nodes = root / _NODES
    there = {int(p.name[4:]) for p in nodes.glob("node[0-9]*") if p.name[4:].isdecimal()}
    if not (nodes / "online").exists():
        return sorted(there)
    online = _ids(nodes / "online")
    for node in online:
        if node not in there:
            raise InputError(
                f"names node {node}, but there is no folder node{node}; is the copy complete?",
                source=str(nodes / "online"),
            )
    return online


def _node(folder: Path, node_id: int, ids: list[int]) -> dict[str, Any]:
    meminfo = _meminfo(folder / "meminfo")
    memory = meminfo.get("MemTotal", 0) * KiB
    return {
        "id": node_id,
        "cpus": _cpus(folder),
        "memory": memory,
        # The kernel's counters are read one after the other, so they may disagree by a little.
        "free": min(memory, meminfo.get("MemFree", 0) * KiB),
        "pools": _pools(folder / "hugepages"),
        "distances": _distances(folder / "distance", len(ids)),
    }


def _only_node(root: Path, meminfo: dict[str, int], source: Path) -> dict[str, Any]:
    if "MemTotal" not in meminfo:
        raise InputError("has no MemTotal", source=str(source))
    memory = meminfo["MemTotal"] * KiB
    online = root / "devices/system/cpu/online"
    return {
        "id": 0,
        "cpus": _ids(online) if online.exists() else [],
        "memory": memory,
        "free": min(memory, meminfo.get("MemFree", 0) * KiB),
        "pools": _pools(root / "kernel/mm/hugepages"),
    }


def _cpus(folder: Path) -> list[int]:
    if (folder / "cpulist").exists():
        return _ids(folder / "cpulist")
    cpumap = folder / "cpumap"
    text = _read(cpumap).strip().replace(",", "") if cpumap.exists() else "0"
    if not re.fullmatch(r"[0-9A-Fa-f]{1,4096}", text):
        raise InputError(f"{text[:60]!r} is not a CPU mask", source=str(cpumap))
    mask = int(text, 16)
    return [cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1]


def _distances(path: Path, nodes: int) -> list[int]:
    """Distances to the online nodes in ascending order of their ids."""
    if not path.exists():
        return []
    values = _read(path).split()
    if len(values) != nodes or not all(re.fullmatch(r"[0-9]{1,3}", v) for v in values):
        raise InputError(
            f"{' '.join(values)[:60]!r} is not one distance for each of {nodes} nodes",
            source=str(path),
        )
    return [int(value) for value in values]


def _pools(folder: Path) -> list[dict[str, int]]:
    pools = []
    for pool in sorted(folder.glob("hugepages-*kB")):
        match = re.fullmatch(r"hugepages-([0-9]{1,15})kB", pool.name)
        if match is None:
            raise InputError("is not called hugepages-<KiB>kB", source=str(pool))
        total = _number(pool / "nr_hugepages")
        free = min(total, _number(pool / "free_hugepages"))
        pools.append({"page_size": int(match[1]) * KiB, "total": total, "free": free})
    return pools


def _cpu(path: Path) -> dict[str, Any]:
    """Vendor and physical address bits from ``/proc/cpuinfo``, as far as it tells."""
    if not path.exists():
        return {}
    text = _read(path)
    name = re.search(r"^vendor_id\s*: *(\S+)", text, re.MULTILINE)
    bits = re.search(r"^address sizes\s*: *([0-9]{1,3}) bits physical", text, re.MULTILINE)
    return {
        "cpu_vendor": vendor(name[1]) if name else None,
        "phys_bits": int(bits[1]) if bits else None,
    }


def _meminfo(path: Path) -> dict[str, int]:
    """The lines of a node's or the system's ``meminfo`` that are sizes, in KiB."""
    found = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        words = re.sub(r"^\s*Node +[0-9]+ ", "", line).split()
        if len(words) != 3 or words[2] != "kB":
            continue
        if not re.fullmatch(r"[0-9]{1,15}", words[1]):
            raise InputError(
                f"{line.strip()[:60]!r} does not hold a number of kB",
                source=str(path),
                place=f"line {number}",
            )
        found[words[0].rstrip(":")] = int(words[1])
    return found


def _number(path: Path) -> int:
    text = _read(path).strip()
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise InputError(f"{text[:60]!r} is not a number of pages", source=str(path))
    return int(text)


def _ids(path: Path) -> list[int]:
    text = _read(path).strip()
    try:
        return list(parse_ids(text)) if text else []
    except ValueError as error:
        raise InputError(str(error), source=str(path)) from None


def _read(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(_LARGEST).decode("ascii", "replace")
