"""Policies and objectives on the command line."""

from __future__ import annotations

from fractions import Fraction

import pytest

from slotsolver.cli.wishes import objective_of, policy_of
from slotsolver.errors import InputError
from slotsolver.policies import objectives, policies
from slotsolver.size import GiB, MiB


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("step=512MiB", {"kind": "step", "size": 512 * MiB}),
        ("relative-step=1/8", {"ratio": Fraction(1, 8)}),
        ("relative-step=0.125,at_least:1 GiB", {"ratio": Fraction(1, 8), "at_least": GiB}),
        ("slots=32", {"at_most": 32, "exactly": None}),
        ("slots=exactly:32", {"at_most": None, "exactly": 32}),
        ("balance=cpus", {"by": "cpus"}),
        ("balance=1,2,1", {"by": (1, 2, 1)}),
        ("balance=tolerance:1GiB", {"by": "equal", "tolerance": GiB}),
        ("page-size=2MiB", {"size": 2 * MiB, "preferred": False}),
        ("page-size=2MiB,preferred:true,cells:0,2-3", {"preferred": True, "cells": (0, 2, 3)}),
        ("host-nodes=0-3", {"nodes": (0, 1, 2, 3)}),
        ("host-nodes=0,2,distinct:true", {"nodes": (0, 2), "distinct": True}),
        ("host-nodes=spread:true", {"nodes": None, "spread": True}),
        ("sizes=1GiB,2GiB", {"allowed": (GiB, 2 * GiB)}),
        ("sizes=1GiB", {"allowed": (GiB,)}),
        ("sizes=powers_of_two:true,minimum:1GiB", {"powers_of_two": True, "minimum": GiB}),
        ("reserve=maximum", {"until": "maximum"}),
        ("headroom=pages:4", {"pages": 4, "page_size": None}),
        ("headroom=2MiB,fraction:10%", {"page_size": 2 * MiB, "fraction": Fraction(1, 10)}),
        ("waypoints=8GiB,12GiB,guests:a,b", {"sizes": (8 * GiB, 12 * GiB), "guests": ("a", "b")}),
        ("memslots=32", {"limit": 32}),
        ("memmap=64MiB", {"free": 64 * MiB}),
        ("sizes", {"allowed": None}),
        ("accept=below", {"distance": "below"}),
        ("keep=0,3", {"slots": (0, 3)}),
        ("unplug-order=largest", {"order": "largest"}),
        ("unplug-order=3,0", {"order": (3, 0)}),
        ("max-operations=4", {"count": 4}),
        ("guest-free=900MiB", {"size": 900 * MiB}),
        ("per-step=1GiB", {"size": GiB}),
        ("device=virtio-mem,block:4MiB", {"use": "virtio-mem", "block": 4 * MiB}),
        ("swap", {"kind": "swap"}),
    ],
)
def test_policy(text: str, fields: dict[str, object]) -> None:
    """The first field of the kind needs no name, all others do; lists go on to the next name."""
    policy = policy_of(text)
    assert policy.kind == text.partition("=")[0]
    assert {name: getattr(policy, name) for name in fields} == fields


def test_objective() -> None:
    """Objectives follow the same rule."""
    assert objective_of("fewest-slots").kind == "fewest-slots"
    assert objective_of("finest-step=512MiB").model_dump()["down_to"] == 512 * MiB


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stpe=1GiB", "did you mean 'step'?"),
        ("step=1", "no unit"),
        ("step=0MiB", "greater than 0"),
        ("step", "write step=SIZE"),
        ("step=1GiB,2GiB", "not a size"),
        ("step=1GiB,size:2GiB", "given twice"),
        ("step=size:", "has no value"),
        ("step=1GiB,kind:slots", "no such field"),
        ("headroom=4", "page_size, pages, fraction, size"),
        ("headroom=4,pages:4", "no unit"),
        ("slots=4,exactly:5", "slots"),
        ("balance=even", "'equal' or 'cpus'"),
        ("page-size=2MiB,preferred:perhaps", "boolean"),
        ("", "known are accept, add-only, balance"),
    ],
)
def test_nonsense(text: str, reason: str) -> None:
    """What cannot be meant is refused with the option, the field and what would be right."""
    with pytest.raises(InputError) as caught:
        policy_of(text)
    assert caught.value.source == f"--policy {text}"
    assert reason in str(caught.value)


def test_objective_with_a_value_it_has_not() -> None:
    """An objective without fields takes no value."""
    with pytest.raises(InputError, match="write fewest-slots"):
        objective_of("fewest-slots=4")


@pytest.mark.parametrize("kind", [*policies(), *objectives()])
def test_every_kind_refuses_garbage(kind: str) -> None:
    """No kind takes a value silently that it does not understand."""
    read = policy_of if kind in policies() else objective_of
    with pytest.raises(InputError):
        read(f"{kind}=?")
