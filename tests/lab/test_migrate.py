"""A guest goes from one host of several nodes to another, over the link between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from slotsolver.plan import Destination, PlannedDimm
from tests.lab.compare import BASE_PAGE, free_now, guest_is_there
from tests.lab.desk import Desk
from tests.lab.host import Lab
from tests.lab.numa_maps import Lies, backends
from tests.real.domains import THERE, Running, devices, domain_of, planned_devices

pytestmark = pytest.mark.lab

GUEST = {
    "name": "goes",
    "machine": "q35",
    "cells": [{"cpus": "0"}, {"cpus": "1"}],
    "boot": "256 MiB",
    "target": "512 MiB",
    "maximum": "1 GiB",
}
POLICIES = [
    {"kind": "page-size", "size": "2 MiB"},
    {"kind": "host-nodes", "nodes": "1,3", "distinct": True},
]


def test_to_another_host_and_grown_on_the_way(
    four: Lab, odd: Lab, desk: Desk, tmp_path: Path
) -> None:
    """The guest grows here, for a host with other nodes and fewer pages; by then its files are
    written for that host too. It arrives with every slot, base and page where they were planned;
    and nothing is left behind."""
    desk.planned({"guests": [GUEST], "policies": POLICIES})
    before = four.pools()
    desk.start()
    guest = Running(four, "goes", tmp_path, migratable=True)
    there = desk.file("there.xml", odd.capabilities())
    plan = guest.resize("--to", "768MiB", "--also-host", there)
    guest.done(plan, timeout=120)
    guest_is_there(four, plan.guests[0])
    assert plan.host is not None
    free_now(four, plan.host)
    target = str(guest.out / "destination-1.xml")
    ways = ["--migrateuri", f"tcp://{odd.shape.address}", "--xml", target]
    four.virsh("migrate", "--live", "goes", odd.uri, *ways)
    live = domain_of(odd.dumpxml("goes"))
    assert devices(live) == planned_devices(plan.guests[0])
    (destination,) = plan.destinations
    assert backends(odd.numa_maps("goes")) == arrived(destination, plan.guests[0].dimms)
    free_now(odd, destination.use)
    assert four.pools() == before


def arrived(destination: Destination, dimms: Sequence[PlannedDimm]) -> dict[str, Lies]:
    """Where the backends on huge pages should lie there."""
    (guest,) = destination.guests
    sizes = {dimm.slot: dimm.size for dimm in dimms if dimm.state in THERE}
    pieces = [(f"ram-node{c.id}", c.boot, c.page_size, c.host_nodes) for c in guest.cells]
    pieces += [
        (f"memdimm{d.slot}", sizes[d.slot], d.page_size, d.host_nodes)
        for d in guest.devices
        if d.slot in sizes
    ]
    return {
        name: Lies(f"bind:{node}", page_size, {node: size // page_size})
        for name, size, page_size, (node,) in pieces
        if page_size != BASE_PAGE
    }
