"""A host from ``virsh capabilities``, and its free pages from ``virsh freepages --all``.

Capabilities know totals only: ``memory`` is the node's MemTotal, ``pages`` count what is there, not
what is free, and the count of the smallest page is the rest, ``(memory - huge) / size`` (libvirt
9.0 ``conf/capabilities.c:virCapabilitiesHostNUMAFormat``, ``util/virnuma.c:virNumaGetPages``).
``<memory>`` is absent where it is 0, ``<cpus num='0'>`` is a memory-only node.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import first_error
from slotsolver.ingest.files import decode
from slotsolver.ingest.xml import Reader, parse_xml
from slotsolver.problem import Host, HostNode, Pool
from slotsolver.size import KiB, format_size

_NODE = re.compile(r"Node (\d{1,9}):", re.ASCII)
_FREE = re.compile(r"(\d{1,15}) ?KiB: ?(\d{1,18})", re.ASCII)


def read_capabilities(data: bytes, *, source: str) -> Host:
    """The host of a ``<capabilities>`` document, all taken as free (``free_known`` false)."""
    root = Reader(parse_xml(data, source=source, root="capabilities"), source=source)
    cells = root.all("host/topology/cells/cell")
    if not cells:
        raise root.error("no NUMA cell in host/topology/cells; at least one is needed")
    base = _base_page(root, cells)
    phys = root.one("host/cpu/maxphysaddr")
    ids = [_required(cell, "id") for cell in cells]
    fields = {
        "nodes": [_node(cell, ids, base) for cell in cells],
        "base_page": base,
        "phys_bits": phys.unsigned("bits") if phys else None,
        "cpu_vendor": vendor(root.text_at("host/cpu/vendor")),
        "free_known": False,
    }
    try:
        return Host.model_validate(fields)
    except ValidationError as error:
        raise first_error(error, source=source) from None


def vendor(name: str | None) -> str | None:
    """The CPU vendor as hosts carry it, from libvirt's or the CPU's own name."""
    known = {"Intel": "intel", "GenuineIntel": "intel", "AMD": "amd", "AuthenticAMD": "amd"}
    return known.get(name, "other") if name else None


def _required(element: Reader, name: str) -> int:
    value = element.unsigned(name)
    if value is None:
        raise element.error(f"<{element.element.tag}> needs the attribute '{name}'")
    return value


def _page_size(pages: Reader) -> int:
    size = (pages.kib("size") or 0) * KiB
    if not size:
        raise pages.error("<pages> needs the attribute 'size', more than 0")
    return size


def _base_page(root: Reader, cells: list[Reader]) -> int:
    """The smallest page size of all, 4 KiB where none is named."""
    pages = root.all("host/cpu/pages") + [p for cell in cells for p in cell.all("pages")]
    return min((_page_size(p) for p in pages), default=4 * KiB)


def _node(cell: Reader, ids: list[int], base: int) -> dict[str, Any]:
    memory = (cell.kib_at("memory") or 0) * KiB
    pools = []
    for pages in cell.all("pages"):
        if _page_size(pages) == base:
            continue
        text = pages.text.strip()
        if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
            raise pages.error(f"{text!r} is not a number of pages")
        pools.append({"page_size": _page_size(pages), "total": int(text), "free": int(text)})
    cpus = [_required(cpu, "id") for cpu in cell.all("cpus/cpu")]
    distances = {_required(s, "id"): _required(s, "value") for s in cell.all("distances/sibling")}
    huge = sum(pool["page_size"] * pool["total"] for pool in pools)
    return {
        "id": _required(cell, "id"),
        "cpus": cpus,
        "memory": memory,
        "free": max(0, memory - huge) // base * base,
        "pools": pools,
        "distances": [distances[i] for i in sorted(ids)] if set(ids) <= set(distances) else [],
    }


def apply_free(host: Host, data: bytes, *, source: str) -> Host:
    """The host with the free pages that ``virsh freepages --all`` printed (``free_known`` true).

    Raises :class:`InputError` unless it names every node and pool of the host.
    """
    free = _read_free(decode(data, source=source), source)
    for node_id, size in free:
        if size != host.base_page and all(
            node.id != node_id or all(pool.page_size != size for pool in node.pools)
            for node in host.nodes
        ):
            raise InputError(
                f"the host has no pool of {format_size(size)} pages on node {node_id}; is the file "
                "from another host?",
                source=source,
            )
    try:
        nodes = tuple(_with_free(node, host.base_page, free) for node in host.nodes)
        return Host(**{**dict(host), "nodes": nodes, "free_known": True})
    except KeyError as error:
        node_id, size = error.args[0]
        raise InputError(
            f"says nothing of {format_size(size)} pages on node {node_id}; give the whole output "
            "of 'virsh freepages --all'",
            source=source,
        ) from None
    except ValidationError as error:
        raise first_error(error, source=source) from None


def _with_free(node: HostNode, base: int, free: dict[tuple[int, int], int]) -> HostNode:
    pools = tuple(
        Pool(page_size=p.page_size, total=p.total, free=free[node.id, p.page_size])
        for p in node.pools
    )
    pages = free[node.id, base] if node.memory else free.get((node.id, base), 0)
    return HostNode(**{**dict(node), "pools": pools, "free": pages * base})


def _read_free(text: str, source: str) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    node = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if heading := _NODE.fullmatch(line.strip()):
            node = int(heading[1])
        elif (match := _FREE.fullmatch(line.strip())) and node is not None:
            found[node, int(match[1]) * KiB] = int(match[2])
        else:
            raise InputError(
                f"{line.strip()[:60]!r} is not a line of 'virsh freepages --all', which are "
                "'Node 0:' and '2048KiB: 512'",
                source=source,
                place=f"line {number}",
            )
    return found
