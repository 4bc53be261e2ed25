"""Guests that share a host: planned together, in the way of each other, and helped by a remedy."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from slotsolver.plan import Plan
from slotsolver.size import MiB
from tests.lab.compare import free_now, free_then, guest_is_there
from tests.lab.desk import Desk
from tests.real.libvirtd import LibvirtError

pytestmark = pytest.mark.lab

PAGE = 2 * MiB
HUGE = {"kind": "page-size", "size": "2 MiB"}


def guest(name: str, cells: int, boot: str, target: str) -> dict[str, Any]:
    """A guest that is started with its maximum."""
    numbered = [{"cpus": str(i)} for i in range(cells)]
    sizes = {"boot": boot, "target": target, "maximum": target}
    return {"name": name, "machine": "q35", "cells": numbered, **sizes}


PAIR = {
    "guests": [guest("a", 2, "256 MiB", "512 MiB"), guest("b", 2, "512 MiB", "768 MiB")],
    "policies": [
        HUGE,
        {"kind": "host-nodes", "nodes": "2-3", "distinct": True, "guests": ["a"]},
        {"kind": "host-nodes", "nodes": "0-1", "distinct": True, "guests": ["b"]},
    ],
}
THIRD = {
    "guests": [guest("c", 1, "256 MiB", "512 MiB")],
    "policies": [HUGE, {"kind": "host-nodes", "nodes": "3"}],
}


def test_together_in_either_order(desk: Desk) -> None:
    """Both lie where they were planned, whichever is started first."""
    before = desk.lab.pools()
    plan = desk.planned(PAIR)
    assert plan.host is not None
    free_then(plan.host, before)
    for order in permutations("ab"):
        for name in order:
            desk.start(name)
        for planned in plan.guests:
            guest_is_there(desk.lab, planned)
        free_now(desk.lab, plan.host)
        for name in order:
            desk.lab.forget(name)
        assert desk.lab.pools() == before


def test_a_remedy_helps(desk: Desk) -> None:
    """A third guest finds too few pages on its node. Planned without a look at what is free it does
    not start; slotsolver says so before, and what to do; then it starts, and with one page less it
    would not."""
    desk.planned(PAIR)
    desk.start("a")
    blind = desk.file("capabilities.xml", desk.lab.capabilities())
    desk.planned(THIRD, "--host", blind)
    xml = desk.domain()
    with pytest.raises(LibvirtError, match="unable to map backing store"):
        desk.start()
    free = desk.lab.pools()[3, PAGE][1]
    answer = desk.refused(THIRD)
    assert f"host node 3 has {free} free pages of 2 MiB" in " ".join(
        c.says for c in answer.conflict
    )
    remedy = answer.remedies[0]
    missing = 512 // 2 - free
    assert remedy.command == f"virsh allocpages 2M {missing} --cellno 3 --add"
    desk.carry_out(remedy.command)
    after = desk.planned(THIRD)
    assert desk.domain() == xml
    desk.lab.virsh("start", "c", "--paused")
    _there_now(desk, after)
    desk.lab.virsh("destroy", "c")
    desk.lab.reserve(3, PAGE, desk.lab.pools()[3, PAGE][0] - 1)
    with pytest.raises(LibvirtError, match="unable to map backing store"):
        desk.lab.virsh("start", "c", "--paused")


def _there_now(desk: Desk, plan: Plan) -> None:
    """The plan's only guest lies where it was planned, and the pools are as they were planned."""
    (planned,) = plan.guests
    guest_is_there(desk.lab, planned)
    assert plan.host is not None
    free_now(desk.lab, plan.host)
