"""A guest on pages of two sizes gets a DIMM by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.compare import free_now, free_then, guest_is_there
from tests.lab.desk import Desk
from tests.real.domains import Running

pytestmark = pytest.mark.lab

GUEST = {
    "name": "grows",
    "machine": "q35",
    "cells": [
        {"cpus": "0", "memory": "1 GiB", "page_size": "1 GiB"},
        {"cpus": "1", "memory": "130 MiB", "page_size": "2 MiB"},
    ],
    "target": "1154 MiB",
    "maximum": "1666 MiB",
}
POLICIES = [
    {"kind": "host-nodes", "nodes": "2", "cells": [1]},
    {"kind": "step", "size": "256 MiB"},
]


def test_pages_of_two_sizes(desk: Desk, tmp_path: Path) -> None:
    """A page of 1 GiB and pages of 2 MiB on their nodes; then the plan's device file is attached
    with virsh, and the DIMM and the pools are as they were planned."""
    before = desk.lab.pools()
    plan = desk.planned({"guests": [GUEST], "policies": POLICIES})
    assert plan.host is not None
    free_then(plan.host, before)
    assert [cell.host_nodes for cell in plan.guests[0].cells] == [(0,), (2,)]
    desk.start()
    guest_is_there(desk.lab, plan.guests[0])
    free_now(desk.lab, plan.host)
    guest = Running(desk.lab, "grows", tmp_path)
    grown = guest.resize("--cell", "0=1024MiB", "--cell", "1=386MiB")
    (operation,) = grown.guests[0].operations
    assert operation.do == "plug"
    assert grown.host is not None
    free_then(grown.host, desk.lab.pools())
    desk.lab.virsh("attach-device", "grows", str(guest.out / "device-1.xml"), "--live")
    guest_is_there(desk.lab, grown.guests[0])
    free_now(desk.lab, grown.host)
