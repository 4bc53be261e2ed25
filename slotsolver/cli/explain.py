"""``slotsolver explain``: what holds a plan back and why its cells lie where they lie, or in full
why there is no plan."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from slotsolver.cli import arguments
from slotsolver.cli.answer import EXIT_CODES, PROVED_INFEASIBLE, UNDECIDED
from slotsolver.cli.output import emit, page, tell
from slotsolver.errors import DefectError, InputError

if TYPE_CHECKING:
    from rich.console import Console

    from slotsolver.cli.arguments import Commands
    from slotsolver.explain.explain import Told
    from slotsolver.explain.why_not import Step
    from slotsolver.plan import Explanation, Infeasible, Undecided
    from slotsolver.problem import Problem

    Answer = Explanation | Infeasible | Undecided

_EPILOG = f"""\
The problem is given as for `slotsolver plan`; with --to or --cell as for `slotsolver resize`.
Every statement is solved for. That can take a while: Ctrl-C shows what is known so far.

{EXIT_CODES}"""


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "explain",
        help="say what holds a plan back and why cells lie where they lie, or why there is no plan",
        description="Say which rules hold the best plan back and what would be gained without "
        "them, and why each cell lies on its host node; where there is no plan, say in full why, "
        "and what would help.",
        epilog=_EPILOG,
    )
    parser.add_argument("problem", nargs="?", metavar="PROBLEM.yaml", help="'-': standard input")
    arguments.add_guests(parser)
    arguments.add_hosts(parser)
    parser.add_argument("--target", type=arguments.size, metavar="SIZE", help="wanted size now")
    parser.add_argument("--maximum", type=arguments.size, metavar="SIZE", help="largest size")
    parser.add_argument("--guest-name", metavar="NAME", help="the guest meant, of several")
    parser.add_argument(
        "--to", type=arguments.size, metavar="SIZE", help="wanted size of a running guest"
    )
    parser.add_argument(
        "--cell",
        type=arguments.cell_size,
        action="append",
        default=[],
        metavar="ID=SIZE",
        help="wanted size of a cell of a running guest; the others keep what they have; may be "
        "given several times",
    )
    arguments.add_wishes(parser)
    arguments.add_versions(parser)
    parser.add_argument(
        "--time-limit", type=arguments.seconds, metavar="SECONDS", help="stop searching then"
    )
    arguments.add_format(parser, "table", "json")
    parser.add_argument(
        "-o", dest="output", metavar="FILE", help="write there, whole or not at all"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Solve, ask, print; the exit code."""
    problem, source = _problem_of(options)
    try:
        found = _patiently(problem, options.time_limit)
    except InputError as error:
        raise error.at(source=source) from None
    except DefectError as error:
        raise DefectError(str(error), report=error.report or problem.model_dump_json()) from error
    emit(_text(found, options), options.output)
    return {"infeasible": PROVED_INFEASIBLE, "undecided": UNDECIDED}.get(found.status, 0)


def _problem_of(options: argparse.Namespace) -> tuple[Problem, str]:
    """The problem as ``plan`` reads it, or as ``resize`` does where a size is asked for so."""
    from slotsolver.cli.inputs import problem_of, resize_of

    if options.to is None and not options.cell:
        if options.problem is None and not options.guest:
            raise InputError("needs PROBLEM.yaml or --guest FILE; see 'slotsolver explain --help'")
        return problem_of(options)
    option = "--to" if options.to is not None else "--cell"
    others = {
        "PROBLEM.yaml": options.problem,
        "--target": options.target,
        "--maximum": options.maximum,
        "--guest-name": options.guest_name,
    }
    for other, value in others.items():
        if value is not None:
            raise InputError(
                f"is of a running guest that --guest gives; it does not go with {other}",
                source=option,
            )
    if not options.guest:
        raise InputError("needs --guest FILE; see 'slotsolver explain --help'", source=option)
    return resize_of(options)


def _patiently(problem: Problem, time_limit: float | None) -> Answer:
    """The answer; interrupted, it as far as it is known."""
    from slotsolver.cli.progress import Progress, patiently

    progress: Progress[Step | Told] = Progress("asking why")

    def call() -> Answer:
        from slotsolver.explain.explain import explain

        return explain(problem, time_limit=time_limit, watch=progress.see)

    try:
        return patiently(call, "looking for the best plan", progress)
    except KeyboardInterrupt:
        if progress.last is None:
            raise
        tell("interrupted; this is what is known so far")
        return progress.last.answer


def _text(found: Answer, options: argparse.Namespace) -> str:
    if options.format == "json":
        from slotsolver.export.documents import json_text

        return json_text(found)
    return page(lambda console: _draw(found, console), options.output)


def _draw(found: Answer, console: Console) -> None:
    from slotsolver.export.table_binding import render_explanation
    from slotsolver.export.table_infeasible import render_infeasible
    from slotsolver.plan import Explanation, Infeasible

    if isinstance(found, Explanation):
        render_explanation(found, console)
    elif isinstance(found, Infeasible):
        render_infeasible(found, console, long=True)
    else:
        console.print(
            f"No plan after {found.seconds:.1f} s: {found.says}; a longer --time-limit may help.",
            highlight=False,
        )
