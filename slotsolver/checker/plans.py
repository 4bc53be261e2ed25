"""Judging a plan: its structure first, then, where there is one, everything else."""

from __future__ import annotations

from slotsolver.checker.objectives import VALUES, check_objectives
from slotsolver.checker.plan_addresses import check_addresses
from slotsolver.checker.plan_destinations import check_destinations
from slotsolver.checker.plan_host import check_host
from slotsolver.checker.plan_operations import check_operations
from slotsolver.checker.plan_platform import check_platform
from slotsolver.checker.plan_running import check_running
from slotsolver.checker.plan_structure import check_names, check_shape, check_structure
from slotsolver.checker.plan_virtio_mem import check_virtio_mem
from slotsolver.checker.policies import check_policies, installed_check, is_own
from slotsolver.checker.subject import subject_of
from slotsolver.checker.violation import Violation
from slotsolver.plan import Plan
from slotsolver.problem import Problem


def check_plan(problem: Problem, plan: Plan) -> tuple[Violation, ...]:
    """Every rule that the plan breaks, re-derived from problem and plan; empty if it is right.

    A plan without sound structure (other guests or cells than the problem has) is judged no
    further, because nothing else would have a meaning. Raises :class:`InputError` for a machine
    type that is not known, :class:`DefectError` for a policy kind that has no check.
    """
    found = list(check_names(problem, plan))
    if found:
        return tuple(found)
    for guest, planned in zip(problem.guests, plan.guests, strict=True):
        found += check_shape(guest, planned)
    if found:
        return tuple(found)
    subject = subject_of(problem, plan)
    for guest_subject in subject.guests:
        found += check_structure(guest_subject)
        found += check_running(guest_subject)
    found += check_operations(subject)
    found += check_virtio_mem(subject)
    found += check_platform(subject)
    found += check_addresses(subject)
    found += check_host(subject)
    found += check_destinations(subject)
    found += check_policies(subject)
    found += check_objectives(subject)
    return tuple(dict.fromkeys(found))


def unvouched(problem: Problem) -> tuple[str, ...]:
    """What of a problem :func:`check_plan` cannot judge, in a sentence each: rules of others that
    bring no check, and the values of objectives of others."""
    policies = {p.kind for p in problem.policies if not is_own(p) and not installed_check(p.kind)}
    objectives = {o.kind for o in problem.objectives} - VALUES.keys()
    return (
        *(f"no independent check vouches for policy {kind}" for kind in sorted(policies)),
        *(f"no independent check vouches for the value of {kind}" for kind in sorted(objectives)),
    )
