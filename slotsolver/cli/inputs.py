"""The problem that a command line describes: a problem file, options, or both.

Options add to the file or take the place of what it says: a host, a guest of the same name, the
policies of the same kind, the list of objectives, versions.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from slotsolver.cli import arguments
from slotsolver.cli.wishes import objective_of, policy_of
from slotsolver.errors import InputError
from slotsolver.fields import first_error
from slotsolver.ingest.files import STDIN, name_of
from slotsolver.ingest.guest import change_guest, check_against_host, read_guest
from slotsolver.ingest.problem import read_problem
from slotsolver.policies import Policy
from slotsolver.problem import Guest, Host, Problem


def problem_of(options: argparse.Namespace) -> tuple[Problem, str]:
    """The problem, and the name of the file (or option) that errors of it are about."""
    named = [options.problem, options.host, options.free, *options.guest]
    if named.count(STDIN) > 1:
        raise InputError("can be read once only; give the others as files", source="standard input")
    if options.problem is None and not options.guest:
        raise InputError("needs PROBLEM.yaml or --guest FILE; see 'slotsolver plan --help'")
    source = name_of(options.problem or options.guest[-1])
    policies, objectives = _policies(options), [objective_of(text) for text in options.objective]
    host = arguments.host_of(options)
    fields: dict[str, Any] = {"host": host, "guests": (), "policies": ()}
    if options.problem is not None:
        fields = dict(read_problem(options.problem, host=host))
    kinds = {policy.kind for policy in policies}
    kept = [policy for policy in fields["policies"] if policy.kind not in kinds]
    fields["guests"] = _guests(options, fields["guests"], fields["host"])
    fields["policies"] = (*kept, *policies)
    fields["objectives"] = tuple(objectives) or fields.get("objectives", ())
    try:
        problem = Problem.model_validate(fields)
    except ValidationError as error:
        raise first_error(error, source=source) from None
    return with_versions(problem, options), source


def with_versions(problem: Problem, options: argparse.Namespace) -> Problem:
    """The problem for the versions that ``--qemu`` and ``--libvirt`` name."""
    given = {"qemu": options.qemu, "libvirt": options.libvirt}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return problem
    try:
        return Problem.model_validate({**dict(problem), **changes})
    except ValidationError as error:
        told = first_error(error)
        message = f"{given[told.place]!r} is not a version; write for example 7.2"
        raise InputError(message, source=f"--{told.place}") from None


def _policies(options: argparse.Namespace) -> list[Policy]:
    short = {"step": options.step, "slots": options.slots}
    texts = [f"{kind}={value}" for kind, value in short.items() if value is not None]
    return [policy_of(text) for text in [*texts, *options.policy]]


def _guests(
    options: argparse.Namespace, of_file: tuple[Guest, ...], host: Host | None
) -> tuple[Guest, ...]:
    given = {"target": options.target, "maximum": options.maximum}
    wanted = {name: f"{value} B" for name, value in given.items() if value is not None}
    if not of_file and len(options.guest) == 1:  # a YAML guest may leave its target to --target
        return (read_guest(options.guest[0], host=host, wanted=wanted),)
    guests = {guest.name: guest for guest in of_file}
    seen: set[str] = set()
    for file in options.guest:
        guest = read_guest(file, host=host)
        if guest.name in seen:
            raise InputError(f"is one more guest called {guest.name!r}", source=name_of(file))
        seen.add(guest.name)
        guests[guest.name] = guest
    if wanted:
        chosen = chosen_guest(options.guest_name, tuple(guests), "--target and --maximum are of")
        guests[chosen] = _changed(guests[chosen], wanted, host)
    return tuple(guests.values())


def _changed(guest: Guest, wanted: Mapping[str, Any], host: Host | None) -> Guest:
    changed = change_guest(guest, wanted, source="--" + " and --".join(wanted))
    if host:
        check_against_host(changed, host)
    return changed


def chosen_guest(name: str | None, names: tuple[str, ...], purpose: str) -> str:
    """The guest called ``name``, or the only one; ``purpose`` says what needs one guest."""
    if name is None and len(names) == 1:
        return names[0]
    known = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    if name is None:
        raise InputError(f"{purpose} one guest; choose it with --guest-name NAME, of {known}")
    if name not in names:
        raise InputError(f"there is no guest {name!r}; there are {known}", source="--guest-name")
    return name
