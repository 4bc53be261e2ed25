"""What `plan` and `resize` do once the problem is there: solve, write, print."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from slotsolver.cli import arguments
from slotsolver.cli.output import emit, page, tell
from slotsolver.errors import DefectError, InputError

if TYPE_CHECKING:
    from slotsolver.cli.arguments import Parser
    from slotsolver.explain.why_not import Step
    from slotsolver.plan import Infeasible, Plan, Undecided
    from slotsolver.problem import Problem

PROVED_INFEASIBLE, UNDECIDED = 3, 4

EXIT_CODES = "Exit codes: 0 a plan; 2 bad input; 3 proved infeasible; 4 undecided within the time "
EXIT_CODES += "limit."

_PER_GUEST = ("libvirt", "qemu", "qmp")


def add_output(parser: Parser) -> None:
    """Add the arguments that say how long to search and where the answer goes."""
    parser.add_argument(
        "--time-limit", type=arguments.seconds, metavar="SECONDS", help="stop searching then"
    )
    arguments.add_format(parser, "table", "json", "yaml", "html", *_PER_GUEST)
    parser.add_argument(
        "-o", dest="output", metavar="FILE", help="write there, whole or not at all"
    )
    parser.add_argument(
        "--out-dir",
        metavar="DIR",
        help="write plan.json, domain.xml and qemu.args there; of a running guest operations.sh, "
        "operations.qmp and device-N.xml too, and destination-N.xml for each other host (in a "
        "folder for each of several guests)",
    )


def answer(problem: Problem, source: str, options: argparse.Namespace) -> int:
    """Solve, write, print; the exit code. Errors of the problem name ``source``."""
    _choose_guest(problem, options)
    try:
        return _write(problem, solve_patiently(problem, options.time_limit), options)
    except InputError as error:
        raise error.at(source=source) from None
    except DefectError as error:
        report = error.report or problem.model_dump_json()
        raise DefectError(str(error), report=report) from error


def solve_patiently(problem: Problem, time_limit: float | None) -> Plan | Infeasible | Undecided:
    """The answer; interrupted while it is looked for what would help, that as far as it is
    known."""
    from slotsolver.cli.progress import Progress, patiently

    progress: Progress[Step] = Progress()

    def solve() -> Plan | Infeasible | Undecided:
        from slotsolver.solver import solve

        return solve(problem, time_limit=time_limit, watch=progress.see)

    try:
        return patiently(solve, "looking for the best plan", progress)
    except KeyboardInterrupt:
        if progress.last is None:
            raise
        tell("interrupted; this is what is known so far")
        return progress.last.answer


def _choose_guest(problem: Problem, options: argparse.Namespace) -> str | None:
    """The guest that a format of one guest is about; ``None`` where the folder has them all."""
    from slotsolver.cli.inputs import chosen_guest

    names = tuple(guest.name for guest in problem.guests)
    if options.guest_name is None and (
        options.format not in _PER_GUEST or (len(names) > 1 and options.out_dir)
    ):
        return None
    purpose = f"--format {options.format} without --out-dir DIR prints"
    name = chosen_guest(options.guest_name, names, purpose)
    runs = any(guest.running for guest in problem.guests if guest.name == name)
    if options.format == "qmp" and not runs:
        raise InputError(
            f"is for a running guest, and {name} is not running; --format qemu has the arguments "
            f"to start it",
            source="--format qmp",
        )
    return name


def _write(
    problem: Problem, found: Plan | Infeasible | Undecided, options: argparse.Namespace
) -> int:
    from slotsolver.plan import Infeasible, Plan

    if not isinstance(found, Plan):
        _print_no_plan(problem, found, options)
        return PROVED_INFEASIBLE if isinstance(found, Infeasible) else UNDECIDED
    _check_domains(problem, found)
    name = _choose_guest(problem, options)
    text = _text(problem, found, name, options)
    if options.out_dir is not None:
        from pathlib import Path

        from slotsolver.export.files import write_directory

        for path in write_directory(Path(options.out_dir), problem, found):
            tell(f"wrote {path}")
    if text is not None:
        emit(text, options.output)
    _tell_left_out(problem, found, name, options)
    return 0


def _check_domains(problem: Problem, plan: Plan) -> None:
    """Judge every domain that the plan makes, as `check` would: one that libvirt would refuse is
    the fault of the domain XML it was made from, or else a defect.

    Where a running guest's virtio-mem lies is not in its XML before libvirt 9.4. Started anew, QEMU
    may put it where a DIMM has its address, which is told, as it is no fault of what is done now;
    or where growth was planned, which then is planned anew.
    """
    from dataclasses import replace

    from slotsolver.checker import check_domain
    from slotsolver.export.libvirt import domain_xml
    from slotsolver.ingest.domain import read_domain

    for guest in problem.guests:
        domain = read_domain(domain_xml(problem, plan, guest.name).encode(), source=guest.name)
        vendor = guest.cpu_vendor or (problem.host.cpu_vendor if problem.host else None)
        if vendor and not domain.cpu_vendor:  # AMD's moves the memory map, and is not in the XML
            domain = replace(domain, cpu_vendor=vendor)
        unplaced = any(d.model == "virtio-mem" and not d.virtio_base for d in domain.devices)
        for found in check_domain(domain, qemu=problem.qemu, libvirt=problem.libvirt):
            says = f"at {found.stage} it would be refused: {found.says}"
            if guest.running and unplaced and found.stage == "plan":
                continue
            if guest.running and unplaced and found.stage == "start":
                tell(f"domain {guest.name}, started anew: {found.place}: {says}")
            elif guest.xml is not None:
                raise InputError(says, source=f"domain {guest.name}", place=found.place)
            else:
                raise DefectError(f"the domain of {guest.name} breaks {found.rule}: {found.says}")


def _text(
    problem: Problem, plan: Plan, name: str | None, options: argparse.Namespace
) -> str | None:
    """The plan in the format asked for; ``None`` where only the folder can hold it."""
    if options.format == "table":
        from slotsolver.export.table import render

        return page(lambda console: render(problem, plan, console), options.output)
    if options.format == "html":
        return _browser_page(problem, plan)
    if options.format in _PER_GUEST:
        return None if name is None else _guest_text(problem, plan, name, options.format)
    return _document(plan, options.format)


def _browser_page(problem: Problem, found: Plan | Infeasible | Undecided) -> str:
    from slotsolver.export.html import html_page

    return html_page(problem, found)


def _guest_text(problem: Problem, plan: Plan, name: str, form: str) -> str:
    if form == "libvirt":
        from slotsolver.export.libvirt import domain_xml

        return domain_xml(problem, plan, name)
    if form == "qmp":
        from slotsolver.export.qmp import qmp_lines

        return qmp_lines(problem, plan, name)
    from slotsolver.export.qemu import qemu_arguments, quote

    return quote(qemu_arguments(problem, plan, name, version=problem.qemu))


def _document(found: Plan | Infeasible | Undecided, form: str) -> str:
    from slotsolver.export.documents import json_text, yaml_text

    return json_text(found) if form == "json" else yaml_text(found)


def _tell_left_out(
    problem: Problem, plan: Plan, name: str | None, options: argparse.Namespace
) -> None:
    """What QEMU arguments that were written do not hold, and what was not written at all."""
    written = [guest.name for guest in plan.guests] if options.out_dir else []
    if options.format == "qemu" and name is not None and name not in written:
        written.append(name)
    if not written:
        return
    from slotsolver.export.destination import not_taken
    from slotsolver.export.qemu import left_out

    for guest in written:
        for sentence in left_out(problem, plan, guest):
            tell(sentence)
        for number in range(len(plan.destinations) if options.out_dir else 0):
            if why := not_taken(problem, plan, guest, number):
                tell(f"guest {guest}: destination-{number + 1}.xml is not written: {why}")


def _print_no_plan(
    problem: Problem, found: Infeasible | Undecided, options: argparse.Namespace
) -> None:
    """Why there is no plan: in the format asked for, or, where that is one for programs that take
    plans only, for a person on standard error."""
    if options.format in ("json", "yaml"):
        emit(_document(found, options.format), options.output)
    elif options.format == "html":
        emit(_browser_page(problem, found), options.output)
    elif options.format == "table":
        emit(_page_of(found, options.output), options.output)
    else:
        sys.stderr.write(_page_of(found, ""))


def _page_of(found: Infeasible | Undecided, path: str | None) -> str:
    from slotsolver.export.table_infeasible import render_infeasible
    from slotsolver.plan import Infeasible

    if isinstance(found, Infeasible):
        return page(lambda console: render_infeasible(found, console), path)
    return f"No plan after {found.seconds:.1f} s: {found.says}; a longer --time-limit may help.\n"
