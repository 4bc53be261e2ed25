"""What taking a rule back means, said a second time: by the words of the conflict, on the document.

Rules that no document waives in one way (any pages of DIMMs, any target) are waived in every way
there is; the problem without them has a plan if one of these has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from pydantic import ValidationError

from slotsolver.clock import Clock
from slotsolver.errors import InputError
from slotsolver.explain.change import changed, with_policy
from slotsolver.explain.waivers import AnyPlace, AnyTarget
from slotsolver.plan import Conflict
from slotsolver.problem import Guest, Problem
from slotsolver.size import MiB, format_size
from slotsolver.solver import feasible

Document = dict[str, Any]
PLENTY = 1 << 24
"""Pages of any size that are more than enough."""
MOST_SLOTS = {"pseries": 32}
SMALLEST_BLOCK = {"pseries": 256 * MiB}


def has_plan(given: Problem) -> bool:
    """Whether there is a plan; sizes that contradict each other in the input have none."""
    try:
        answer = feasible(given, Clock(None))
    except InputError:
        return False
    assert answer is not None
    return answer


def some_have_plans(problems: Iterable[Problem]) -> bool:
    """Whether one of them has a plan."""
    return any(has_plan(problem) for problem in problems)


def without(given: Problem, members: Iterable[Conflict]) -> Iterator[Problem]:
    """The problem without some of its rules, in every way in which that can be meant."""
    gone = list(members)
    document = given.model_dump()
    for member in gone:
        _take_back(document, given, member)
    targets = {_whose(given, m).name for m in gone if m.rule == "target"}
    booting = [_whose(given, m) for m in gone if m.rule == "boot"]
    smaller = {g.name for g in booting if g.boot_size == g.target_size} - targets
    grown = {_whose(given, m).name for m in gone if m.rule == "maximum"}
    mixed = {_whose(given, m).name for m in gone if m.rule == "one-page-size"}
    moved = [_whose(given, m) for m in gone if m.rule == "addresses"]
    anywhere = [  # a document cannot say it
        with_policy(AnyPlace(kind="any place", guests=(g.name,))) for g in moved if g.running
    ]
    fresh = {guest.name for guest in given.guests if not guest.running}
    every = (
        _targets(g, g["name"] in (targets | smaller) & fresh, up_to_target=g["name"] in smaller)
        for g in document["guests"]
    )
    for sizes in product(*every):
        posed = [
            guest if size is None else guest | {"target": size, "maximum": _top(document, guest)}
            for guest, size in zip(document["guests"], sizes, strict=True)
        ]
        for guests in product(*(_maxima(guest, guest["name"] in grown) for guest in posed)):
            for pages in _pages_of_dimms(given, mixed):
                found = document | {"guests": guests, "policies": [*document["policies"], *pages]}
                try:
                    yield changed(Problem.model_validate(found), anywhere)
                except ValidationError:  # these sizes do not go together
                    continue
    if any(policy["kind"] == "balance" for policy in document["policies"]):
        # Boot memory that is the target is balanced, boot memory that just is there is not: no
        # document says that a guest has no target at all.
        free = [
            with_policy(AnyTarget(kind="any target", guests=(name,)))
            for name in sorted(targets & fresh)
        ]
        for pages in _pages_of_dimms(given, mixed):
            found = document | {"policies": [*document["policies"], *pages]}
            yield changed(Problem.model_validate(found), [*anywhere, *free])


def _maxima(guest: Document, any_maximum: bool) -> Iterator[Document]:
    """The guest with every maximum that it may have instead: from its target up to that one."""
    maximum = guest["maximum"]
    if not any_maximum or maximum is None:
        yield guest
        return
    asked = maximum["at_least"] if isinstance(maximum, dict) else maximum
    target = guest["target"]
    least = sum(target.values()) if isinstance(target, dict) else target
    step = 128 * MiB if asked - least <= 32 * 128 * MiB else 1024 * MiB
    for size in (least, *range(asked, least, -step)):
        yield guest | {"maximum": size if size > least else None}


def _whose(given: Problem, member: Conflict) -> Guest:
    """The guest that a rule names."""
    named = [guest for guest in given.guests if f"guest {guest.name}" in member.says]
    return max(named, key=lambda guest: len(guest.name))


def _take_back(document: Document, given: Problem, member: Conflict) -> None:
    rule, says = member.rule, member.says
    if rule == "pool":
        _fill(document, given, says)
    elif rule == "destination":
        gone = given.also_hosts[int(says.split("host ")[1].split()[0]) - 1].model_dump()
        document["also_hosts"] = [host for host in document["also_hosts"] if host != gone]
    elif rule.startswith("policy "):
        _drop(document, given, member)
    else:
        guest = _whose(given, member)
        own = next(one for one in document["guests"] if one["name"] == guest.name)
        if says.startswith("cell "):
            own["cells"][int(says.split()[1])][rule.replace("-", "_")] = None
        else:
            _change_guest(own, guest, rule)
        document["policies"] = [
            *(p for p in document["policies"] if rule != "no-swap" or p["kind"] != "no-swap"),
            *(policy | {"guests": [guest.name]} for policy in _permitted(guest, rule)),
        ]


def _change_guest(own: Document, guest: Guest, rule: str) -> None:
    """The guest without a rule that is in its own document."""
    if rule == "slots":
        own["slots"] = MOST_SLOTS.get(guest.machine, 256) if guest.running else None
    elif rule == "phys-bits":
        own["phys_bits"] = 52
    elif rule == "host-nodes":
        own["host_nodes"] = None
    elif rule == "waypoints":
        own["waypoints"] = ()
    elif rule == "boot":
        own["boot"] = None
        for cell in own["cells"]:
            cell["memory"] = None
    elif rule == "addresses" and not guest.running:
        for device in own["devices"]:
            device["address"] = None


def _permitted(guest: Guest, rule: str) -> list[Document]:
    """Policies that permit what a rule forbids."""
    if rule == "one-host-node":
        return [{"kind": "host-nodes", "spread": True}]
    if rule == "guest-block":
        return [{"kind": "guest-block", "size": SMALLEST_BLOCK.get(guest.machine, 128 * MiB)}]
    if rule == "no-swap":
        return [{"kind": "swap"}]
    if rule == "target" and guest.running:
        return [{"kind": "accept", "distance": "nearest"}]
    return []


def _targets(
    guest: Document, any_target: bool, *, up_to_target: bool = False
) -> Iterable[int | None]:
    """The targets to try: what the guest boots with, or any where that is open, up to the target
    where it was that."""
    if not any_target:
        return (None,)
    known = [cell["memory"] for cell in guest["cells"] if cell["memory"]]
    boot = guest["boot"] or sum(known)
    target = guest["target"]
    asked = sum(target.values()) if isinstance(target, dict) else target
    there = sum(device["size"] for device in guest["devices"])
    if boot and guest["maximum"]:
        return (boot + there,)
    if boot:
        return range(asked, boot + there - 1, -128 * MiB) or (boot + there,)
    maximum, step = guest["maximum"] or asked, 128 * MiB
    most = maximum["at_least"] if isinstance(maximum, dict) else maximum
    most = asked if up_to_target else most
    least = there + len(guest["cells"]) * step
    whole, odd = range(least, most + 1, step), range(least + asked % step, most + 1, step)
    return (*whole, *odd) if asked % step else whole


def _top(document: Document, guest: Document) -> Any:
    """The maximum, else the last waypoint: without its target the guest still passes through it."""
    ways = [*guest["waypoints"]]
    for policy in document["policies"]:
        if policy["kind"] == "waypoints" and guest["name"] in (policy["guests"] or [guest["name"]]):
            ways += policy["sizes"]
    return guest["maximum"] or max(ways, default=None)


def _pages_of_dimms(given: Problem, guests: set[str]) -> Iterator[list[Document]]:
    """Every choice of pages for the DIMMs of the cells of some guests: one size for each cell."""
    assert not guests or given.host is not None
    sizes = [s for s in given.host.page_sizes() if given.host.has_pool(s)] if given.host else []
    cells = [(g.name, c.id) for g in given.guests if g.name in guests for c in g.cells]
    for chosen in product(sizes, repeat=len(cells)):
        yield [
            {"kind": "page-size", "of": "dimms", "size": size, "guests": [name], "cells": [cell]}
            for (name, cell), size in zip(cells, chosen, strict=True)
        ]


def _drop(document: Document, given: Problem, member: Conflict) -> None:
    """Take out one policy, or what of it forbids."""
    for policy in given.policies:
        found = policy.model_dump()
        if f"policy {policy.kind}" != member.rule or found not in document["policies"]:
            continue
        whose = f"{policy.describe()}{_whom(given, found)}"
        if member.says != policy.describe() and not member.says.startswith(whose):
            continue
        rest = [other for other in document["policies"] if other != found]
        if policy.kind == "device":
            rest.append(found | {"use": "either"})
        if policy.kind == "guest-block":
            rest.append(found | {"size": min(found["size"], 128 * MiB)})
        if policy.kind == "host-nodes" and found["spread"]:
            rest.append(found | {"nodes": None, "distinct": False})
        document["policies"] = rest
        return
    raise AssertionError(f"no such policy: {member}")


def _whom(given: Problem, policy: Document) -> str:
    """Which guests and cells a policy means, as a conflict says it; more may follow."""
    names = policy["guests"] or [guest.name for guest in given.guests]
    if policy["guests"] is None and len(names) > 1:
        found = "every guest"
    else:
        found = "guest " + ", ".join(g.name for g in given.guests if g.name in names)
    if policy["cells"] is not None:
        found += f", cells {','.join(map(str, policy['cells']))}"
    return f" ({found}"


def _fill(document: Document, given: Problem, says: str) -> None:
    """Give the pool that a rule speaks of pages without end."""
    assert given.host is not None
    for node in document["host"]["nodes"]:
        if f"host node {node['id']} has" not in says:
            continue
        for size in given.host.page_sizes():
            if f"free pages of {format_size(size)} " not in says:
                continue
            if size == given.host.base_page:
                node["memory"] = node["free"] = PLENTY * size
                continue
            others = [pool for pool in node["pools"] if pool["page_size"] != size]
            node["pools"] = [*others, {"page_size": size, "total": PLENTY, "free": PLENTY}]
