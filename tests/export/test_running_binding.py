"""What a running guest was started with cannot change: DIMMs say what they do not get from it."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver import Plan, Problem, solve
from slotsolver.export.device_xml import device_xml
from slotsolver.export.layout import Layout
from slotsolver.export.qmp import qmp_commands


def plugged(nodes: int, **guest: Any) -> tuple[str, dict[str, Any]]:
    """The device XML and the QMP backend of the DIMM that such a guest gets on such a host."""
    cells = [{"memory": "1 GiB", **guest.pop("cell", {})}]
    fields = {"running": True, "slots": 4, "maximum": "4 GiB", "target": "2 GiB", "cells": cells}
    host = {"nodes": [{"id": i, "memory": "64 GiB"} for i in range(nodes)]}
    problem = Problem.model_validate({"host": host, "guests": [{"name": "a", **fields, **guest}]})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    (operation,) = plan.guests[0].operations
    assert plan.guests[0].dimms[0].host_nodes != ()
    backend = qmp_commands(problem, plan, "a")[0]["arguments"]
    return device_xml(Layout.of(problem, plan, "a"), operation), backend


@pytest.mark.parametrize(
    ("guest", "nodemask"),
    [
        ({}, "0"),
        ({"host_nodes": [0, 1]}, "0"),
        ({"host_nodes": [1]}, None),
        ({"cell": {"host_nodes": [1]}}, None),
        ({"cell": {"host_nodes": [0, 1]}}, None),
    ],
)
def test_a_dimm_is_bound_as_planned(guest: dict[str, Any], nodemask: str | None) -> None:
    """By its own nodemask where the running guest would put it elsewhere, else by its cell."""
    xml, backend = plugged(2, **guest)
    assert ("<nodemask>" in xml) == (nodemask is not None)
    if nodemask is not None:
        assert f"<nodemask>{nodemask}</nodemask>" in xml
    assert backend["policy"] == "bind"


def test_one_node_needs_no_binding() -> None:
    """There is nothing else to choose."""
    xml, backend = plugged(1)
    assert "<source>" not in xml
    assert "host-nodes" not in backend
