"""Small running guests drawn at random: holes in slots and addresses, tight windows, every policy.

They are small in units: the guest's memory block, which policy `guest-block` makes large in most of
them, so that the 1 GiB that QEMU adds to the window for each slot is few units too.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from slotsolver.platforms import platform_for
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

Draw = Any
Document = dict[str, Any]
SCALES = (
    *(("q35", 1024), ("q35", 512), ("q35", 128), ("pc", 1024), ("virt", 1024)),
    *(("pseries", 256), ("pseries", 256)),
)
"""Machine types, and the unit of their guests (MiB)."""
DEFAULT_BLOCK = {"pseries": 256}


@st.composite
def running_problems(draw: Draw) -> Problem:
    """A running guest with one or two cells, up to five devices and a few units to grow."""
    machine, unit = draw(st.sampled_from(SCALES))
    cells = draw(st.integers(1, 2))
    guest, policies = draw(_guest("vm", machine, unit, cells, 5 - cells // 2))
    if draw(st.integers(0, 3)) == 0:
        guest["growth"] = draw(_growth(guest, unit))
    return _problem(draw, [guest], policies, unit)


@st.composite
def two_running_problems(draw: Draw) -> Problem:
    """Two running guests with one cell and up to two devices each on one host."""
    machine, unit = draw(st.sampled_from(SCALES))
    guests, policies = [], []
    for name in ("one", "two"):
        guest, own = draw(_guest(name, machine, unit, 1, 2))
        guest.pop("waypoints", None)
        guests.append(guest)
        policies += [policy | {"guests": [name]} for policy in own if policy["kind"] != "reserve"]
    return _problem(draw, guests, policies, unit)


def _problem(draw: Draw, guests: list[Document], policies: list[Document], unit: int) -> Problem:
    back = sum(device["size"] for guest in guests for device in guest["devices"])
    host = draw(_host(unit, back, several=len(guests) > 1))
    for guest in guests if host else ():
        _bind(draw, guest, host)
    return Problem.model_validate(
        {
            "host": host,
            "guests": guests,
            "policies": policies,
            "libvirt": draw(st.sampled_from(["9.0", "10.0"])),
        }
    )


@st.composite
def _guest(
    draw: Draw, name: str, machine: str, unit: int, cells: int, most: int
) -> tuple[Document, list[Document]]:
    """A guest with up to ``most`` devices, and the policies about it."""
    guest: Document = {
        "name": name,
        "machine": machine,
        "running": True,
        "cells": [
            {"cpus": [c], "memory": draw(st.integers(1, 2)) * unit * MiB} for c in range(cells)
        ],
    }
    sizes = draw(st.lists(st.integers(1, 3), max_size=most))
    devices = [draw(_device(size, unit, cells, machine)) for size in sizes]
    extra = draw(st.integers(0, 5 if cells == 1 else 4))
    room = sum(d["size"] for d in devices) + extra * unit * MiB
    boot = sum(c["memory"] for c in guest["cells"])
    guest["maximum"] = boot + room + (0 if extra else unit * MiB) * (not devices)
    guest["slots"] = len(devices) + draw(st.integers(0, 3 if cells == 1 else 2))
    _place(draw, guest, devices, unit)
    guest["devices"] = devices
    slots = [d["slot"] for d in devices if d["model"] == "dimm"]
    policies = draw(_policies(unit, cells, slots))
    if unit != DEFAULT_BLOCK.get(machine, 128):
        policies.append({"kind": "guest-block", "size": unit * MiB})
    accept = draw(st.sampled_from([None, None, "exact", "below", "above", "nearest", "nearest"]))
    if accept is not None:
        policies.append({"kind": "accept", "distance": accept})
    _target(draw, guest, unit, exact=accept in (None, "exact"))
    return guest, policies


@st.composite
def _device(draw: Draw, size: int, unit: int, cells: int, machine: str) -> Document:
    """A DIMM of so many units; now and then a part of one more, an NVDIMM or a virtio-mem."""
    odd = unit // draw(st.sampled_from([2, 4])) if draw(st.integers(0, 9)) == 0 else 0
    odd = 0 if machine == "pseries" else odd
    found: Document = {"model": "dimm", "cell": draw(st.integers(0, cells - 1))}
    found["size"] = (size * unit + odd) * MiB
    kind = draw(st.integers(0, 19))
    if kind == 0:
        found["model"] = "nvdimm"
    elif kind <= 2 and machine != "pseries":
        block = draw(st.sampled_from([unit, unit, unit // 2]))
        blocks = size * unit // block
        found |= {
            "model": "virtio-mem",
            "size": size * unit * MiB,
            "block": block * MiB,
            "requested": draw(st.integers(0, blocks)) * block * MiB,
        }
    return found


def _place(draw: Draw, guest: Document, devices: list[Document], unit: int) -> None:
    """Slots and addresses of the devices: in any order, with holes."""
    boot = sum(c["memory"] for c in guest["cells"])
    window = (
        platform_for(guest["machine"]).memory_map(boot, guest["maximum"], guest["slots"]).window
    )
    numbers = draw(st.permutations(range(guest["slots"])))
    spare = (window.size - sum(d["size"] for d in devices)) // (unit * MiB) if window else 0
    address = window.base if window else 0
    for number, device in zip(numbers, draw(st.permutations(devices)), strict=False):
        if device["model"] != "virtio-mem":
            device["slot"] = number
        hole = draw(st.integers(0, min(spare, 4)))
        spare -= hole
        if draw(st.integers(0, 14)) == 0 and hole and guest["machine"] != "pseries":
            address += unit * MiB // 4  # what is no multiple of the unit
            hole -= 1
        device["address"] = address = address + hole * unit * MiB
        address += device["size"]


@st.composite
def _policies(draw: Draw, unit: int, cells: int, slots: list[int]) -> list[Document]:
    """A few policies, some of them about one cell."""
    size = st.integers(1, 4).map(lambda n: n * unit * MiB)
    some = st.lists(st.sampled_from(slots or [0]), min_size=1, max_size=2, unique=True)
    choices: dict[str, st.SearchStrategy[Document]] = {
        "keep": st.one_of(some.map(lambda s: {"slots": s}), st.just({})),
        "add-only": st.just({}),
        "max-operations": st.integers(0, 4).map(lambda n: {"count": n}),
        "guest-free": st.integers(1, 6 * 64).map(lambda n: {"size": n * unit * MiB // 64}),
        "per-step": st.integers(1, 8).map(lambda n: {"size": n * unit * MiB // 2}),
        "unplug-order": st.one_of(
            st.sampled_from(["highest-slot", "lowest-slot", "largest", "smallest"]), some
        ).map(lambda o: {"order": o}),
        "step": size.map(lambda s: {"size": s}),
        "sizes": st.one_of(
            st.lists(size, min_size=1, max_size=2).map(lambda s: {"allowed": s}),
            st.just({"powers_of_two": True}),
            st.just({"uniform": True}),
            size.map(lambda s: {"minimum": s}),
        ),
        "relative-step": st.sampled_from(["1/2", "1"]).map(lambda r: {"ratio": r}),
        "balance": st.sampled_from([{}, {"tolerance": 2 * unit * MiB}, {"by": "cpus"}]),
        "reserve": st.just({"until": "maximum"}),
        "device": st.sampled_from(["dimm", "virtio-mem", "either"]).map(lambda u: {"use": u}),
    }
    if not slots:
        choices |= {"keep": st.just({}), "unplug-order": st.just({"order": "largest"})}
    kinds = draw(st.lists(st.sampled_from(sorted(choices)), max_size=3, unique=True))
    found = [{"kind": kind, **draw(choices[kind])} for kind in kinds]
    whole = ("max-operations", "guest-free")
    for policy in found:
        if cells > 1 and policy["kind"] not in whole and draw(st.integers(0, 3)) == 0:
            policy["cells"] = [draw(st.integers(0, 1))]
    swap = draw(st.sampled_from([None, "swap", "swap", "no-swap"]))
    return found + ([{"kind": swap}] if swap else [])


def _target(draw: Draw, guest: Document, unit: int, *, exact: bool) -> None:
    """A target for the guest or for every cell, in whole units from what it has for the most part,
    and perhaps a waypoint behind it."""
    has = [cell["memory"] for cell in guest["cells"]]
    outside = 0
    for device in guest["devices"]:
        if device["model"] == "nvdimm":
            outside += device["size"]
        else:
            has[device["cell"]] += device.get("requested", device["size"])
    odd = draw(st.integers(0, 9)) == 0 if not exact else False
    step = (unit // 2 if odd else unit) * MiB
    least, boot = [c["memory"] for c in guest["cells"]], sum(c["memory"] for c in guest["cells"])
    if draw(st.integers(0, 3)) == 0 and not outside:
        wanted = [
            max(low, now + draw(st.integers(-3, 3)) * step)
            for low, now in zip(least, has, strict=True)
        ]
        if sum(wanted) <= guest["maximum"]:
            guest["target"] = dict(enumerate(wanted))
            return
    now = sum(has) + outside
    down, up = (now - boot) // step, (guest["maximum"] - now) // step
    guest["target"] = now + draw(st.integers(-min(down, 6), min(up, 5))) * step
    left = (guest["maximum"] - guest["target"]) // (unit * MiB)
    if left > 0 and draw(st.integers(0, 7)) == 0:
        guest["waypoints"] = [guest["target"] + draw(st.integers(1, left)) * unit * MiB]


@st.composite
def _growth(draw: Draw, guest: Document, unit: int) -> list[Document]:
    """DIMMs that were planned once; some of them are in the way of what is there."""
    boot = sum(c["memory"] for c in guest["cells"])
    window = (
        platform_for(guest["machine"]).memory_map(boot, guest["maximum"], guest["slots"]).window
    )
    if window is None or not guest["slots"]:
        return []
    units = window.size // (unit * MiB)
    return [
        {
            "slot": draw(st.integers(0, guest["slots"] - 1)),
            "size": draw(st.integers(1, 3)) * unit * MiB,
            "cell": draw(st.integers(0, len(guest["cells"]) - 1)),
            "address": window.base + draw(st.integers(0, units)) * unit * MiB,
        }
        for _ in range(draw(st.integers(1, 2)))
    ]


@st.composite
def _host(draw: Draw, unit: int, back: int, *, several: bool) -> Document | None:
    """A host with one or two nodes that may be short of pages; ``back`` bytes may come back."""
    if not several and draw(st.integers(0, 2)) == 0:
        return None
    page = GiB if unit >= 512 and draw(st.booleans()) else 2 * MiB
    plenty = draw(st.integers(0, 2)) == 0
    nodes = []
    for node in range(draw(st.integers(1, 2))):
        pages = (64 if plenty else draw(st.integers(0, 6))) * unit * MiB // page
        small = draw(st.integers(0, 4)) * unit * MiB
        pool = {"page_size": page, "total": pages + back // page + 1, "free": pages}
        memory = small + 4096 * GiB
        nodes.append({"id": node, "memory": memory, "free": small, "pools": [pool]})
    return {"nodes": nodes}


def _bind(draw: Draw, guest: Document, host: Document) -> None:
    """Let cells ask for the host's large pages, where they can have them, and for a node."""
    page = host["nodes"][0]["pools"][0]["page_size"]
    for number, cell in enumerate(guest["cells"]):
        mine = [d for d in guest["devices"] if d["cell"] == number and d["model"] != "nvdimm"]
        sizes = [cell["memory"], *(d.get("block", d["size"]) for d in mine)]
        sizes += [d["address"] for d in mine]
        if not any(size % page for size in sizes) and draw(st.integers(0, 3)) > 0:
            cell["page_size"] = page
        if draw(st.booleans()):
            cell["host_nodes"] = [draw(st.integers(0, len(host["nodes"]) - 1))]
