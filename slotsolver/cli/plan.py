"""``slotsolver plan``: solve a problem and print the plan, or why there is none."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from slotsolver.cli import arguments
from slotsolver.cli.output import emit, page, tell
from slotsolver.errors import DefectError, InputError

if TYPE_CHECKING:
    from slotsolver.cli.arguments import Commands
    from slotsolver.plan import Infeasible, Plan, Undecided
    from slotsolver.problem import Problem

PROVED_INFEASIBLE, UNDECIDED = 3, 4

_PER_GUEST = ("libvirt", "qemu")
_EPILOG = """\
VALUE of --policy (and --objective) is the first field of the kind's own, or field:value,
separated by commas:
  --policy step=512MiB              --policy relative-step=1/8,at_least:1GiB
  --policy slots=32                 --policy sizes=1GiB,2GiB
  --policy page-size=2MiB,cells:0   --policy headroom=pages:4,page_size:2MiB
`slotsolver schema problem` lists every kind with its fields.

Exit codes: 0 a plan; 2 bad input; 3 proved infeasible; 4 undecided within the time limit."""


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "plan",
        help="find the best memory slot layout of a problem",
        description="Find the best memory slot layout, proven, or say why there is none.",
        epilog=_EPILOG,
    )
    arguments.add_inputs(parser)
    parser.add_argument(
        "--time-limit", type=arguments.seconds, metavar="SECONDS", help="stop searching then"
    )
    arguments.add_format(parser, "table", "json", "yaml", "libvirt", "qemu")
    parser.add_argument(
        "-o", dest="output", metavar="FILE", help="write there, whole or not at all"
    )
    parser.add_argument(
        "--out-dir",
        metavar="DIR",
        help="write plan.json, domain.xml and qemu.args there (also a folder for each of several "
        "guests)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Solve, write, print."""
    from slotsolver.cli.inputs import problem_of
    from slotsolver.cli.progress import patiently

    problem, source = problem_of(options)
    _choose_guest(problem, options)
    try:
        answer = patiently(lambda: _solve(problem, options.time_limit), "looking for the best plan")
        return _answer(problem, answer, options)
    except InputError as error:
        raise error.at(source=source) from None
    except DefectError as error:
        report = error.report or problem.model_dump_json()
        raise DefectError(str(error), report=report) from error


def _solve(problem: Problem, time_limit: float | None) -> Plan | Infeasible | Undecided:
    from slotsolver.solver import solve

    return solve(problem, time_limit=time_limit)


def _choose_guest(problem: Problem, options: argparse.Namespace) -> str | None:
    """The guest that a format of one guest is about; ``None`` where the folder has them all."""
    from slotsolver.cli.inputs import chosen_guest

    names = tuple(guest.name for guest in problem.guests)
    if options.guest_name is None and (
        options.format not in _PER_GUEST or (len(names) > 1 and options.out_dir)
    ):
        return None
    purpose = f"--format {options.format} without --out-dir DIR prints"
    return chosen_guest(options.guest_name, names, purpose)


def _answer(
    problem: Problem, answer: Plan | Infeasible | Undecided, options: argparse.Namespace
) -> int:
    from slotsolver.plan import Infeasible, Plan

    if not isinstance(answer, Plan):
        _print_no_plan(answer, options)
        return PROVED_INFEASIBLE if isinstance(answer, Infeasible) else UNDECIDED
    _check_domains(problem, answer)
    name = _choose_guest(problem, options)
    text = _text(problem, answer, name, options)
    if options.out_dir is not None:
        from slotsolver.export.files import write_directory

        for path in write_directory(Path(options.out_dir), problem, answer):
            tell(f"wrote {path}")
    if text is not None:
        emit(text, options.output)
    _tell_left_out(problem, answer, name, options)
    return 0


def _check_domains(problem: Problem, plan: Plan) -> None:
    """Judge every domain that the plan makes, as `check` would: one that libvirt would refuse is
    the fault of the domain XML it was made from, or else a defect."""
    from slotsolver.checker import check_domain
    from slotsolver.errors import DefectError, InputError
    from slotsolver.export.libvirt import domain_xml
    from slotsolver.ingest.domain import read_domain

    for guest in problem.guests:
        domain = read_domain(domain_xml(problem, plan, guest.name).encode(), source=guest.name)
        for found in check_domain(domain, qemu=problem.qemu, libvirt=problem.libvirt):
            says = f"at {found.stage} it would be refused: {found.says}"
            if guest.xml is not None:
                raise InputError(says, source=f"domain {guest.name}", place=found.place)
            raise DefectError(f"the domain of {guest.name} breaks {found.rule}: {found.says}")


def _text(
    problem: Problem, plan: Plan, name: str | None, options: argparse.Namespace
) -> str | None:
    """The plan in the format asked for; ``None`` where only the folder can hold it."""
    if options.format == "table":
        from slotsolver.export.table import render

        return page(lambda console: render(problem, plan, console), options.output)
    if options.format in _PER_GUEST:
        return None if name is None else _guest_text(problem, plan, name, options.format)
    return _document(plan, options.format)


def _guest_text(problem: Problem, plan: Plan, name: str, form: str) -> str:
    if form == "libvirt":
        from slotsolver.export.libvirt import domain_xml

        return domain_xml(problem, plan, name)
    from slotsolver.export.qemu import qemu_arguments, quote

    return quote(qemu_arguments(problem, plan, name, version=problem.qemu))


def _document(answer: Plan | Infeasible | Undecided, form: str) -> str:
    from slotsolver.export.documents import json_text, yaml_text

    return json_text(answer) if form == "json" else yaml_text(answer)


def _tell_left_out(
    problem: Problem, plan: Plan, name: str | None, options: argparse.Namespace
) -> None:
    """What QEMU arguments that were written do not hold."""
    from slotsolver.export.qemu import left_out

    written = [guest.name for guest in plan.guests] if options.out_dir else []
    if options.format == "qemu" and name is not None and name not in written:
        written.append(name)
    for guest in written:
        for sentence in left_out(problem, plan, guest):
            tell(sentence)


def _print_no_plan(answer: Infeasible | Undecided, options: argparse.Namespace) -> None:
    """Why there is no plan: in the format asked for, or, where that is one for programs that take
    plans only, for a person on standard error."""
    if options.format in ("json", "yaml"):
        emit(_document(answer, options.format), options.output)
    elif options.format == "table":
        emit(_page_of(answer, options.output), options.output)
    else:
        import sys

        sys.stderr.write(_page_of(answer, ""))


def _page_of(answer: Infeasible | Undecided, path: str | None) -> str:
    from slotsolver.export.table import render_infeasible
    from slotsolver.plan import Infeasible

    if isinstance(answer, Infeasible):
        return page(lambda console: render_infeasible(answer, console), path)
    return f"No plan after {answer.seconds:.1f} s: {answer.says}; a longer --time-limit may help.\n"
