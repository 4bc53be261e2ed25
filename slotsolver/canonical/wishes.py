"""What of a normal form hangs on guests, policies, objectives and versions alone.

Left out of the key, because no answer depends on it: which CPUs a cell has (how many does: balance
by CPUs, and QEMU's rule that a cell without CPUs needs memory), and the domain XML of a guest that
does not run (that there is one does: boot memory is judged as its domain's then; what it says is
read by writers, which see the problem itself and not its normal form).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache

from slotsolver.canonical.back import NAMES_NODES
from slotsolver.canonical.hosts import digest
from slotsolver.canonical.plenty import ENDLESS, Demand, demand_of
from slotsolver.kinds import Declared, is_built_in
from slotsolver.problem import Problem
from slotsolver.version import VERSION, ortools_version

MOST_LIMITS = 64
"""Sets of page sizes whose limits are kept."""


@dataclass(frozen=True)
class WishForm:
    """Wishes, with all that is computed of them once."""

    problem: Problem
    key: bytes
    """A digest of the wishes and of the versions that answer."""
    as_is: bool
    """Whether the host is left as it is, every field of it: where guests run, may migrate, or rules
    of others may look at anything."""
    relabels: bool
    """Whether nothing names host nodes, so that these can change places."""
    by_distance: bool
    """Whether distances between host nodes count: where a guest has several cells."""
    demand: Demand | None
    """What of the free pages can matter; ``None`` where totals may too."""
    known_limits: dict[tuple[int, ...], tuple[int, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def limits(self, page_sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The most of each number in a row of :class:`HostForm` that can matter."""
        found = self.known_limits.get(page_sizes)
        if found is None:
            assert self.demand is not None  # noqa: S101 - asked for only where there is one
            if len(self.known_limits) >= MOST_LIMITS:
                self.known_limits.clear()
            found = self.known_limits[page_sizes] = self.demand.limits(page_sizes)
        return found


def of_wishes(problem: Problem, *, whole_pools: bool = False, remedies: bool = True) -> WishForm:
    """What the normal forms of these wishes on all hosts have in common; ``problem.host`` is not
    looked at.

    With ``whole_pools`` every free page counts, however many there are: for questions that go
    beyond the wishes, as how many more guests would find room. Without ``remedies`` only the plan
    counts, and that there is none, and not why: then more problems are the same.
    """
    rules: tuple[Declared, ...] = (*problem.policies, *problem.objectives)
    foreign = [rule for rule in rules if not is_built_in(type(rule))]
    as_is = bool(
        foreign
        or problem.also_hosts
        or any(g.running or g.emulator_cpus is not None for g in problem.guests)
    )
    demand = None if as_is else demand_of(problem, remedies=remedies)
    return WishForm(
        problem=problem,
        key=_key(problem, foreign, as_is, whole_pools, remedies),
        as_is=as_is,
        relabels=not as_is and not _names_nodes(problem),
        by_distance=as_is or any(len(guest.cells) > 1 for guest in problem.guests),
        demand=ENDLESS if demand and whole_pools else demand,
    )


def _names_nodes(problem: Problem) -> bool:
    """Whether anything names host nodes; or a guest is called as if it did, so that its name could
    be taken for that in a text."""
    return any(getattr(policy, "nodes", None) is not None for policy in problem.policies) or any(
        guest.host_nodes is not None
        or any(cell.host_nodes is not None for cell in guest.cells)
        or any(device.host_nodes is not None for device in guest.devices)
        or NAMES_NODES.search(guest.name)
        for guest in problem.guests
    )


def _key(
    problem: Problem, foreign: list[Declared], as_is: bool, whole_pools: bool, remedies: bool
) -> bytes:
    if as_is:
        wishes = problem.model_dump_json(exclude={"host"})
        beside: object = [_stamp(type(rule)) for rule in foreign]
    else:
        cells = {"__all__": {"cpus"}}
        wishes = problem.model_dump_json(
            exclude={"host": True, "guests": {"__all__": {"xml": True, "cells": cells}}}
        )
        beside = [
            (guest.xml is not None, [len(cell.cpus) for cell in guest.cells])
            for guest in problem.guests
        ]
    versions = VERSION, ortools_version()
    return digest(repr((versions, as_is, whole_pools, remedies, beside, wishes)).encode())


@cache
def _stamp(_: type[Declared]) -> bytes:
    """A name for the class of a rule that is not slotsolver's own. What such a rule does is in its
    code, which may be another one the next time: no other process has the same name for it."""
    return os.urandom(16)
