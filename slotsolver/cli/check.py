"""``slotsolver check``: judge a domain XML, or a plan together with its problem."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slotsolver.cli import arguments
from slotsolver.cli.output import emit, page
from slotsolver.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from slotsolver.checker import Violation
    from slotsolver.cli.arguments import Commands

    Judgement = tuple[Sequence[Violation], Sequence[str]]

VIOLATED = 3

_STAGES = {
    "parse": "libvirt would not parse it",
    "define": "libvirt would not define it",
    "migration": "libvirt would not let the running guest go on as this",
    "start": "it would not start",
    "guest": "the guest would not take it",
    "host": "the host has not got it",
    "policy": "it is not what was asked for",
    "plan": "the plan contradicts itself",
}


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "check",
        help="judge a domain XML or a plan by every rule of libvirt, QEMU and the guest",
        description="Judge a domain XML, or a plan (JSON) together with the problem it answers.\n"
        "With --migration-from also whether libvirt would let a running guest go on as it.\n"
        "Exit code 0 if everything holds, 3 if a rule is violated.",
    )
    parser.add_argument("file", metavar="DOMAIN.xml|PLAN.json", help="'-' is standard input")
    parser.add_argument("--problem", metavar="PROBLEM.yaml", help="the problem of a plan")
    arguments.add_host(parser)
    arguments.add_versions(parser)
    parser.add_argument(
        "--block",
        type=arguments.size,
        metavar="SIZE",
        help="memory block of the guest OS; default: what its kernel would choose",
    )
    parser.add_argument(
        "--migration-from",
        metavar="SOURCE.xml",
        help="the running guest (virsh dumpxml --migratable) that is to migrate to, or be restored "
        "as, DOMAIN.xml",
    )
    arguments.add_format(parser, "table", "json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge and print."""
    violations, notes = _judge(options)
    if options.format == "json":
        import json
        from dataclasses import asdict

        found: dict[str, Any] = {"violations": [asdict(violation) for violation in violations]}
        found |= {"notes": notes} if notes else {}
        emit(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        return VIOLATED if violations else 0
    said = "".join(f"{note}\n" for note in notes)
    if violations:
        emit(page(lambda console: _print(violations, console)) + said)
    else:
        emit(f"everything holds\n{said}")
    return VIOLATED if violations else 0


def _judge(options: argparse.Namespace) -> Judgement:
    """The violations, and what could not be judged."""
    from slotsolver.ingest.files import name_of, read_bytes
    from slotsolver.ingest.xml import looks_like_xml

    named = [options.file, options.problem, options.host, options.free, options.migration_from]
    if named.count("-") > 1:
        raise InputError("can be read once only; give the others as files", source="standard input")
    data, source = read_bytes(options.file), name_of(options.file)
    judge = _judge_domain if looks_like_xml(data) else _judge_plan
    try:
        return judge(data, source, options)
    except InputError as error:
        raise error.at(source=source) from None


def _judge_domain(data: bytes, source: str, options: argparse.Namespace) -> Judgement:
    from slotsolver.checker import check_domain
    from slotsolver.ingest.domain import read_domain

    if options.problem is not None:
        raise InputError("is for a plan; a domain XML is judged as it stands", source="--problem")
    if options.migration_from is not None:
        return _judge_migration(data, source, options), ()
    found = check_domain(
        read_domain(data, source=source),
        host=arguments.host_of(options),
        qemu=options.qemu or "7.2",
        libvirt=options.libvirt or "9.0",
        block=options.block,
    )
    return found, ()


def _judge_migration(data: bytes, source: str, options: argparse.Namespace) -> Sequence[Violation]:
    """The domain as what a running guest is to go on as, on the host that is given."""
    from slotsolver.checker import check_migration
    from slotsolver.ingest.domain import read_domain
    from slotsolver.ingest.files import name_of, read_bytes

    if options.block is not None:
        raise InputError(
            "does not go with --migration-from; a guest that migrates has its DIMMs already",
            source="--block",
        )
    running = options.migration_from
    return check_migration(
        read_domain(read_bytes(running), source=name_of(running)),
        read_domain(data, source=source),
        host=arguments.host_of(options),
        qemu=options.qemu or "7.2",
        libvirt=options.libvirt or "9.0",
    )


def _judge_plan(data: bytes, source: str, options: argparse.Namespace) -> Judgement:
    from slotsolver.checker import check_plan, unvouched
    from slotsolver.cli.inputs import with_versions
    from slotsolver.ingest.files import decode
    from slotsolver.ingest.problem import read_problem
    from slotsolver.ingest.yaml import read_document
    from slotsolver.plan import Plan

    if not decode(data, source=source).lstrip().startswith("{"):
        raise InputError("is neither a domain XML nor a plan in JSON", source=source)
    document = read_document(data, source=source)
    status = document.data.get("status")
    if status in ("infeasible", "undecided"):
        raise InputError(f"says {status}; there is no plan in it to judge", source=source)
    plan = document.validate(Plan)
    if options.migration_from is not None:
        raise InputError(
            "compares two domain XMLs, not a plan; check the domain XML that the plan has for the "
            "destination",
            source="--migration-from",
        )
    if options.block is not None:
        raise InputError("is for a domain XML; a plan states its own block", source="--block")
    if options.problem is None:
        raise InputError(
            "is a plan, which does not say what was asked for; give its problem: "
            f"slotsolver check {source} --problem PROBLEM.yaml",
            source=source,
        )
    problem = read_problem(options.problem, host=arguments.host_of(options))
    return check_plan(with_versions(problem, options), plan), unvouched(problem)


def _print(violations: Sequence[Violation], console: Console) -> None:
    """Violations by the stage where they would be noticed."""
    from rich.table import Table
    from rich.text import Text

    for stage, meaning in _STAGES.items():
        found = [violation for violation in violations if violation.stage == stage]
        if not found:
            continue
        console.print(Text.assemble((stage, "bold red"), f": {meaning}"))
        for violation in found:
            grid = Table.grid(padding=(0, 1))
            grid.add_column(no_wrap=True)
            grid.add_column(overflow="fold")
            place = f"{violation.place}: " if violation.place else ""
            says = Text.assemble(place, violation.says, (f"  [{violation.rule}]", "dim"))
            grid.add_row(" •", says)
            console.print(grid)
    count = len(violations)
    console.print(Text(f"{count} rule{'s' if count > 1 else ''} violated"))
