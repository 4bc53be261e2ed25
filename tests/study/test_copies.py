"""Copies of guests, and parts of a host."""

from __future__ import annotations

from typing import Any

from slotsolver import Plan, solve
from slotsolver.problem import Problem
from slotsolver.study.copies import alone, on_share, room, several, taken_by, without

GIB = 1 << 30


def problem(**more: Any) -> Problem:
    """Two guests on a host with some memory of each page size."""
    node = {"id": 0, "memory": "32 GiB", "free": "10 GiB", "pages": {"1 GiB": {"total": 8}}}
    guests = [
        {"name": name, "cells": [{"memory": "1 GiB"}], "target": "2 GiB", "maximum": "3 GiB"}
        for name in ("a", "a#1")
    ]
    return Problem.model_validate({"host": {"nodes": [node]}, "guests": guests, **more})


def test_copies_have_names_of_their_own_and_the_rules_of_their_guest() -> None:
    """Names that look like copies' do not collide; a rule about one guest is about its copies."""
    one = problem(policies=[{"kind": "step", "size": "1 GiB", "guests": ["a"]}])
    many = several(one, 3)
    assert len({guest.name for guest in many.guests}) == 6
    assert many.policies[0].guests == ("a#1", "a#2", "a#3")
    concerned = [guest.name for guest in many.guests if many.policies[0].concerns(guest)]
    assert concerned == ["a#1", "a#2", "a#3"]
    assert Problem.model_validate(many.model_dump()) == many
    assert several(one, 1) is one


def test_a_guest_alone_keeps_its_own_rules_only() -> None:
    """Rules about others are gone, the rest stays."""
    rules = [
        {"kind": "step", "size": "1 GiB", "guests": ["a"]},
        {"kind": "step", "size": "2 GiB", "guests": ["a", "a#1"]},
        {"kind": "reserve", "until": "maximum"},
    ]
    mine = alone(problem(policies=rules), 1)
    assert [guest.name for guest in mine.guests] == ["a#1"]
    assert [policy.kind for policy in mine.policies] == ["step", "reserve"]
    assert Problem.model_validate(mine.model_dump()) == mine


def test_what_a_plan_takes_is_gone_and_headroom_stays_as_large() -> None:
    """A tenth of all, not of what is left."""
    rules = [
        {"kind": "headroom", "fraction": "1/4"},
        {"kind": "page-size", "size": "1 GiB"},
        {"kind": "reserve", "until": "maximum"},
    ]
    one = problem(policies=rules)
    assert room(one)[0, GIB] == 6
    plan = solve(one)
    assert isinstance(plan, Plan)
    assert taken_by(plan) == {(0, GIB): 6}
    rest = without(one, taken_by(plan))
    assert room(rest)[0, GIB] == 0
    assert room(rest)[0, 4096] == room(one)[0, 4096]
    assert room(on_share(one, {(0, GIB): 2}))[0, GIB] == 2
    assert room(on_share(one, {(0, GIB): 2}))[0, 4096] == 0


def test_headroom_is_a_part_of_the_same_total_when_free_memory_goes() -> None:
    """A host whose free memory is more than its pools leave of it."""
    one = problem(policies=[{"kind": "headroom", "fraction": "1/2"}])
    node = one.host.nodes[0].model_copy(update={"memory": 12 * GIB}) if one.host else None
    host = one.host.model_copy(update={"nodes": (node,)}) if one.host else None
    odd = one.model_copy(update={"host": host})
    before = room(odd)[0, 4096]
    assert room(without(odd, {(0, 4096): 512}))[0, 4096] == before - 512
