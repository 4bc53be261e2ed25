"""One guest on the host of four nodes: planned, defined, started, compared. What every run has."""

from __future__ import annotations

from tests.lab.compare import free_now, free_then, guest_is_there
from tests.lab.desk import Desk

GUEST = {
    "name": "db 1",
    "machine": "q35",
    "cells": [{"cpus": "0"}, {"cpus": "1"}, {}],
    "boot": "768 MiB",
    "target": "1152 MiB",
    "maximum": "2 GiB",
}


def test_a_guest_lies_where_it_was_planned(desk: Desk) -> None:
    """Three cells on three nodes, one of them without processors, and DIMMs of each: slots, bases,
    nodes, page sizes, every page are those of the plan, and so are the pools before and after."""
    policies = [
        {"kind": "page-size", "size": "2 MiB"},
        {"kind": "host-nodes", "distinct": True},
        {"kind": "balance", "by": "equal"},
    ]
    before = desk.lab.pools()
    plan = desk.planned({"guests": [GUEST], "policies": policies})
    (planned,) = plan.guests
    assert plan.host is not None
    assert len({cell.host_nodes for cell in planned.cells}) == len(planned.cells)
    assert {dimm.cell for dimm in planned.dimms if dimm.state == "plugged"} == {0, 1, 2}
    free_then(plan.host, before)
    desk.start()
    guest_is_there(desk.lab, planned)
    free_now(desk.lab, plan.host)
