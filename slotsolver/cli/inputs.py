"""The problem that a command line describes: a problem file, options, or both.

Options add to the file or take the place of what it says: a host, a guest of the same name, the
policies of the same kind, the lists of objectives and of other hosts, versions.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from pydantic import ValidationError

from slotsolver.cli import arguments
from slotsolver.cli.wishes import objective_of, policy_of
from slotsolver.errors import InputError
from slotsolver.fields import first_error, format_ids
from slotsolver.ingest.files import STDIN, name_of
from slotsolver.ingest.guest import change_guest, check_against_host, read_guest
from slotsolver.ingest.problem import read_problem
from slotsolver.policies import Policy
from slotsolver.problem import Guest, Host, Problem


def problem_of(options: argparse.Namespace) -> tuple[Problem, str]:
    """The problem of ``plan``, and the name of the file (or option) that errors of it are about."""
    _read_once(options, options.problem)
    if options.problem is None and not options.guest:
        raise InputError("needs PROBLEM.yaml or --guest FILE; see 'slotsolver plan --help'")
    if options.qmp and len(options.guest) != 1:
        raise InputError(
            "is of one guest; give that alone with --guest, or write `qmp` beside `domain` in "
            "the problem",
            source="--qmp",
        )
    host = arguments.host_of(options)
    fields: dict[str, Any] = {"host": host, "guests": ()}
    if options.problem is not None:
        fields = dict(read_problem(options.problem, host=host))
    fields["guests"] = _guests(options, fields["guests"], fields["host"])
    source = name_of(options.problem or options.guest[-1])
    return _problem(options, fields, source), source


def resize_of(options: argparse.Namespace) -> tuple[Problem, str]:
    """The problem of ``resize``, and the name of the guest's file."""
    _read_once(options)
    if len(options.guest) > 1:
        raise InputError(
            "can be given once; several guests on one host are a problem: slotsolver plan "
            "PROBLEM.yaml",
            source="--guest",
        )
    if not options.guest:
        raise InputError("needs --guest FILE; see 'slotsolver resize --help'")
    if options.to is not None and options.cell:
        raise InputError("takes --to SIZE or --cell ID=SIZE, not both", source="resize")
    if options.to is None and not options.cell:
        raise InputError("needs --to SIZE or --cell ID=SIZE; see 'slotsolver resize --help'")
    (file,) = options.guest
    host, source = arguments.host_of(options), name_of(file)
    guest = _running(file, host, options)
    if options.cell:
        guest = change_guest(guest, {"target": _cell_targets(guest, options.cell)}, source=source)
    return _problem(options, {"host": host, "guests": (guest,)}, source), source


def _running(file: str, host: Host | None, options: argparse.Namespace) -> Guest:
    """The guest of ``resize``, wanted to have the size of ``--to``."""
    wanted = {} if options.to is None else {"target": f"{options.to} B"}
    guest = read_guest(file, host=host, qmp=options.qmp, wanted=wanted)
    if not guest.running:
        raise InputError(
            f"guest {guest.name} is not running; take its live XML (virsh dumpxml), or give what "
            f"QEMU answers with --qmp; `slotsolver plan` is for guests that are to be started",
            source=name_of(file),
        )
    return guest


def _cell_targets(guest: Guest, given: Sequence[tuple[int, int]]) -> dict[int, int]:
    """What each cell is wanted to have: as given, else what it has."""
    ids = [cell.id for cell in guest.cells]
    targets = {cell.id: cell.memory or 0 for cell in guest.cells}
    for device in guest.devices:
        if device.is_ram:
            targets[device.cell or 0] += device.memory
    for place, (cell, size) in enumerate(given):
        if cell not in targets:
            message = f"guest {guest.name} has no cell {cell}; it has {format_ids(ids)}"
            raise InputError(message, source=f"--cell {cell}")
        if cell in (other for other, _ in given[:place]):
            raise InputError("is given twice; once is enough", source=f"--cell {cell}")
        targets[cell] = size
    return targets


def _read_once(options: argparse.Namespace, problem: str | None = None) -> None:
    """Nothing is read twice: not standard input, and no file by the same option."""
    repeated = {"--guest": options.guest, "--qmp": options.qmp, "--also-host": options.also_host}
    named = [problem, options.host, options.free, *chain(*repeated.values())]
    if named.count(STDIN) > 1:
        raise InputError("can be read once only; give the others as files", source="standard input")
    for option, files in repeated.items():
        for place, file in enumerate(files):
            if file in files[:place]:
                raise InputError("is given twice; once is enough", source=f"{option} {file}")


def _problem(options: argparse.Namespace, fields: dict[str, Any], source: str) -> Problem:
    """The problem with what the options say of hosts, policies, objectives and versions."""
    policies, objectives = _policies(options), [objective_of(text) for text in options.objective]
    kinds = {policy.kind for policy in policies}
    kept = [policy for policy in fields.get("policies", ()) if policy.kind not in kinds]
    also_hosts = arguments.also_hosts_of(options)
    if also_hosts and fields["host"] is None:
        message = "needs --host, where the guests are now"
        raise InputError(message, source=f"--also-host {options.also_host[0]}")
    changed = {
        "policies": (*kept, *policies),
        "objectives": tuple(objectives) or fields.get("objectives", ()),
        "also_hosts": also_hosts or fields.get("also_hosts", ()),
    }
    try:
        problem = Problem.model_validate({**fields, **changed})
    except ValidationError as error:
        raise first_error(error, source=source) from None
    return with_versions(problem, options)


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
    short = {"step": options.step, "slots": options.slots, "accept": options.accept}
    texts = [f"{kind}={value}" for kind, value in short.items() if value is not None]
    return [policy_of(text) for text in [*texts, *options.policy]]


def _guests(
    options: argparse.Namespace, of_file: tuple[Guest, ...], host: Host | None
) -> tuple[Guest, ...]:
    given = {"target": options.target, "maximum": options.maximum}
    wanted = {name: f"{value} B" for name, value in given.items() if value is not None}
    if not of_file and len(options.guest) == 1:  # a YAML guest may leave its target to --target
        return (read_guest(options.guest[0], host=host, wanted=wanted, qmp=options.qmp),)
    guests = {guest.name: guest for guest in of_file}
    seen: set[str] = set()
    for file in options.guest:
        guest = read_guest(file, host=host, qmp=options.qmp)
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
