"""Other hosts that the guests may be migrated to: what they must hold, and what is said if not."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver import Infeasible, InputError, Plan, Problem, solve
from slotsolver.size import GiB, TiB


def host(**fields: Any) -> dict[str, Any]:
    """A host of one node with 64 GiB."""
    return {"nodes": [{"id": 0, "memory": 64 * GiB}], **fields}


def posed(there: dict[str, Any], **guest: Any) -> Problem:
    """A running guest of 4 GiB that is to have 6, on a host like ``there`` but for its CPUs."""
    fields = {
        "name": "vm",
        "running": True,
        "host_passthrough": True,
        "cells": [{"memory": 4 * GiB}],
        "slots": 8,
        "maximum": 16 * GiB,
        "target": 6 * GiB,
        **guest,
    }
    here = host(phys_bits=46, cpu_vendor="intel")
    return Problem.model_validate({"host": here, "also_hosts": [there], "guests": [fields]})


def planned(problem: Problem) -> Plan:
    """The plan, which ``solve`` has checked."""
    answer = solve(problem)
    assert isinstance(answer, Plan)
    return answer


@pytest.mark.parametrize("bits", [None, 36, 46, 52])
def test_addresses_that_are_there_too(bits: int | None) -> None:
    """16 GiB and 8 slots reach below 2 to the power of 36."""
    assert len(planned(posed(host(phys_bits=bits))).destinations) == 1


def test_addresses_that_are_not_there() -> None:
    """A running guest's are what they are: the host is named, in QEMU's words."""
    with pytest.raises(InputError, match=r"vm: host 1 of those .* phys-bits too low \(34\)"):
        solve(posed(host(phys_bits=34)))
    own = posed(host(phys_bits=34), host_passthrough=False, phys_bits=40)
    assert planned(own).status == "optimal"


def test_slots_that_the_other_host_has_addresses_for() -> None:
    """A guest that does not run yet takes no more slots than fit there: each costs 1 GiB."""
    changes = {"running": False, "slots": None, "cells": [{}], "maximum": 24 * GiB}
    wide = posed(host(phys_bits=46), **changes)
    tight = posed(host(phys_bits=36), **changes)
    step = {"policies": [{"kind": "step", "size": 2 * GiB}]}
    objectives = {"objectives": [{"kind": "finest-step"}]}
    slots = []
    for problem in (wide, tight):
        document = {**problem.model_dump(), **objectives}
        slots.append(planned(Problem.model_validate(document)).guests[0].slots)
    assert slots[1] < 8 < slots[0]
    answer = solve(Problem.model_validate({**tight.model_dump(), **step}))
    assert isinstance(answer, Infeasible)
    says = {conflict.rule: conflict.says for conflict in answer.conflict}
    assert "destination" in says
    assert says["phys-bits"] == "guest vm addresses 36 bits, and each slot takes 1 GiB of that"


def test_memory_that_moves_on_amd() -> None:
    """Near 1 TiB an AMD host has the device memory elsewhere, where the plan's addresses are not;
    far below it is the same."""
    large = {"maximum": 2 * TiB, "slots": 16}
    with pytest.raises(InputError, match="device memory would lie elsewhere there"):
        solve(posed(host(phys_bits=46, cpu_vendor="amd"), **large))
    assert planned(posed(host(phys_bits=46, cpu_vendor="intel"), **large)).status == "optimal"
    assert planned(posed(host(phys_bits=46, cpu_vendor="amd"))).status == "optimal"


def test_a_host_that_is_too_small_is_to_blame() -> None:
    """The conflict names it, and not only the target."""
    small = {"nodes": [{"id": 0, "memory": 5 * GiB}]}
    answer = solve(posed(small))
    assert isinstance(answer, Infeasible)
    says = {conflict.rule: conflict.says for conflict in answer.conflict}
    assert set(says) == {"target", "destination"}
    assert "host 1 of those named" in says["destination"]
    assert [remedy.to for remedy in answer.remedies] == ["5 GiB"]
