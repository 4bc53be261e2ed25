"""Small problems in blocks of 128 MiB, and what their best plans look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.ingest.yaml import read_document
from slotsolver.plan import Infeasible, Plan, PoolUse
from slotsolver.policies import Objective, Policy
from slotsolver.problem import Problem
from slotsolver.size import GiB, KiB, MiB
from slotsolver.solver import solve

B = 128 * MiB
PAGES = 64
"""2 MiB pages in a block."""
SMALL, HUGE, GIANT = 4 * KiB, 2 * MiB, GiB


def problem(
    cells: Sequence[int | dict[str, Any] | None],
    target: int | dict[int, int],
    maximum: Any = None,
    *policies: dict[str, Any],
    objectives: Sequence[Any] = ("fewest-slots",),
    host: dict[str, Any] | None = None,
    libvirt: str = "9.0",
    **guest: Any,
) -> Problem:
    """One q35 guest: boot memory of its cells (``None``: free; or the cell's own document), target
    and maximum in blocks."""
    one = make_guest(cells, target, maximum, **guest)
    document = {"host": host, "guests": [one], "policies": policies, "libvirt": libvirt}
    return Problem.model_validate(document | {"objectives": objectives})


def make_guest(
    cells: Sequence[int | dict[str, Any] | None],
    target: int | dict[int, int],
    maximum: Any = None,
    **fields: Any,
) -> dict[str, Any]:
    """The document of one guest, sizes in blocks; ``fields`` as they are."""
    scaled = {c: size * B for c, size in target.items()} if isinstance(target, dict) else target * B
    guest: dict[str, Any] = {"name": "guest", "target": scaled}
    guest["cells"] = [
        cell if isinstance(cell, dict) else {} if cell is None else {"memory": cell * B}
        for cell in cells
    ]
    if maximum is not None:
        at_least = isinstance(maximum, dict)
        guest["maximum"] = {"at_least": maximum["at_least"] * B} if at_least else maximum * B
    return guest | fields


BASE = 4 * GiB
"""Where device memory begins while boot memory is small."""


def dimm(slot: int, size: int, at: int, cell: int = 0, **fields: Any) -> dict[str, Any]:
    """A DIMM that a running guest has: its size and its place behind the base in blocks."""
    place = {"cell": cell, "slot": slot, "address": BASE + at * B}
    return {"model": "dimm", "size": size * B} | place | fields


def region(size: int, requested: int, at: int, cell: int = 0, **fields: Any) -> dict[str, Any]:
    """A virtio-mem device that a running guest has, in blocks."""
    given = {"size": size * B, "requested": requested * B, "block": HUGE}
    return {"model": "virtio-mem", "cell": cell, "address": BASE + at * B} | given | fields


def packed(*sizes: int | tuple[int, int]) -> list[dict[str, Any]]:
    """DIMMs one behind the other in slots 0, 1, ...: each a size in cell 0, or cell and size."""
    found: list[dict[str, Any]] = []
    at = 0
    for slot, entry in enumerate(sizes):
        cell, size = (0, entry) if isinstance(entry, int) else entry
        found.append(dimm(slot, size, at, cell))
        at += size
    return found


def running(
    cells: Sequence[int | dict[str, Any]],
    target: int | dict[int, int],
    maximum: int,
    *policies: dict[str, Any],
    devices: Sequence[dict[str, Any]] = (),
    **given: Any,
) -> Problem:
    """A guest that runs with 8 slots, as in :func:`problem`; it names no objectives."""
    given = {"objectives": (), "slots": 8} | given
    return problem(cells, target, maximum, *policies, devices=list(devices), running=True, **given)


def two_running(
    one: tuple[Sequence[int], int], two: tuple[Sequence[int], int], *policies: dict[str, Any]
) -> Problem:
    """Guests called one and two with 2 blocks of boot memory and 16 of maxMemory; of each its DIMMs
    and its target."""
    guests = [
        make_guest([2], target, 16, devices=packed(*sizes), running=True, slots=8)
        for sizes, target in (one, two)
    ]
    return two_guests(*guests, *policies, objectives=())


def done(given: Problem, guest: int = 0) -> list[tuple[str, int, int]]:
    """What the best plan does to a running guest: plug or unplug, slot and blocks; resize, number
    and blocks that are requested then."""
    found = []
    for step in best(given).guests[guest].operations:
        place = step.number if step.slot is None else step.slot
        assert place is not None
        assert step.size % B == 0
        found.append((step.do, place, step.size // B))
    return found


def later(given: Problem) -> list[list[int]]:
    """Per cell the DIMMs that the best plan reserves for growth, in blocks and plug order."""
    planned = best(given).guests[0]
    reserved = sorted((d for d in planned.dimms if d.state == "reserved"), key=lambda d: d.slot)
    return [[d.size // B for d in reserved if d.cell == cell.id] for cell in planned.cells]


def input_error(given: Problem) -> str:
    """The line with which a problem is refused before any search."""
    with pytest.raises(InputError) as caught:
        solve(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def two_guests(
    one: dict[str, Any],
    two: dict[str, Any],
    *policies: dict[str, Any],
    host: dict[str, Any] | None = None,
    objectives: Sequence[Any] = ("fewest-slots",),
) -> Problem:
    """Guests called one and two from :func:`make_guest`."""
    guests = [one | {"name": "one"}, two | {"name": "two"}]
    return Problem.model_validate(
        {"host": host, "guests": guests, "policies": policies, "objectives": objectives}
    )


def host(*nodes: Sequence[int], far: list[list[int]] | None = None) -> dict[str, Any]:
    """A host, by node: free blocks of ordinary memory, of 2 MiB pages, and free 1 GiB pages."""
    found: list[dict[str, Any]] = []
    for number, free in enumerate(nodes):
        ordinary, huge, giant = (*free, 0, 0)[:3]
        pools = [{"page_size": HUGE, "total": huge * PAGES, "free": huge * PAGES}]
        if len(free) > 2:
            pools.append({"page_size": GIANT, "total": giant, "free": giant})
        memory = (ordinary + huge) * B + giant * GIANT
        node = {"id": number, "memory": memory, "free": ordinary * B, "pools": pools}
        found.append(node | ({"distances": far[number]} if far else {}))
    return {"nodes": found}


def best(given: Problem) -> Plan:
    """The optimal plan of a problem that has one."""
    answer = solve(given)
    assert isinstance(answer, Plan), answer
    assert answer.status == "optimal"
    return answer


def new_sizes(given: Problem, guest: int = 0) -> list[list[int]]:
    """Per cell the new DIMMs of the best plan in blocks, in plug order."""
    planned = best(given).guests[guest]
    dimms = sorted(planned.dimms, key=lambda d: (d.stage, d.size))
    return [
        [d.size // B for d in dimms if d.cell == cell.id and d.state != "present"]
        for cell in planned.cells
    ]


def slots(given: Problem) -> int | None:
    """New DIMMs of the best plan; ``None`` where it is proven that there is no plan."""
    answer = solve(given)
    if isinstance(answer, Infeasible):
        return None
    assert isinstance(answer, Plan)
    return sum(d.state != "present" for guest in answer.guests for d in guest.dimms)


def rules(given: Problem) -> list[str]:
    """The rules of the conflict of a problem that has no plan."""
    answer = solve(given, reasons="conflict")
    assert isinstance(answer, Infeasible), answer
    return [member.rule for member in answer.conflict]


def nodes_of(given: Problem, guest: int = 0) -> list[tuple[int, ...]]:
    """The host nodes of each cell's boot memory in the best plan."""
    return [cell.host_nodes for cell in best(given).guests[guest].cells]


def pool_of(plan: Plan, node: int, page_size: int) -> PoolUse:
    """How the plan uses a pool."""
    assert plan.host is not None
    return next(p for p in plan.host.nodes[node].pools if p.page_size == page_size)


def values(given: Problem) -> dict[str, int]:
    """The values of the best plan by objective, in their order."""
    return {o.kind: o.value for o in best(given).objectives}


def _document(section: str, line: str) -> Problem:
    text = f"guests:\n- name: guest\n  cells: [{{}}, {{}}]\n  target: 1 GiB\n{section}:\n- {line}\n"
    return read_document(text.encode(), source="problem.yaml").validate(Problem)


def policy_line(line: str) -> Policy:
    """The policy that a line of YAML stands for, in a problem of one guest with two cells."""
    return _document("policies", line).policies[0]


def objective_line(line: str) -> Objective:
    """The objective that a line of YAML stands for."""
    return _document("objectives", line).objectives[0]


def refusal(line: str, section: str = "policies") -> str:
    """The message with which a line of YAML is refused: one line that names file and place."""
    with pytest.raises(InputError) as caught:
        _document(section, line)
    message = str(caught.value)
    assert message.startswith(f"problem.yaml: line 6, {section}.0")
    assert "\n" not in message
    return message
