"""``slotsolver study``: run a batch what-if, and show what came out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slotsolver.cli.arguments import add_format
from slotsolver.cli.output import emit, page, tell
from slotsolver.errors import InputError

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from slotsolver.cli.arguments import Commands
    from slotsolver.study.definition import Definition
    from slotsolver.study.run import Progress

ENGINES = ("local", "dask")


def add(commands: Commands) -> None:
    """Add the command with its two parts."""
    parser = commands.add_parser(
        "study",
        help="answer thousands of what-ifs from one file, and show what came out",
        description="Answer every scenario of a study (YAML): one base problem, axes over any of "
        "its fields, and\nquestions. The results are one Parquet file, a row for each scenario.",
    )
    parts = parser.add_subparsers(title="parts", metavar="run|show", required=True)
    _add_run(parts)
    _add_show(parts)


def _add_run(parts: Commands) -> None:
    parser = parts.add_parser(
        "run",
        help="answer every scenario",
        description="Answer every scenario of a study. What is finished is kept in "
        "RESULTS.partial until all is;\nafter a crash or an interrupt --resume goes on with it.",
    )
    parser.add_argument("study", metavar="STUDY.yaml", help="the study; '-' is standard input")
    parser.add_argument(
        "-o", "--output", metavar="RESULTS.parquet", required=True, help="where the results go"
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="local",
        help="processes on this machine, or a Dask cluster; default: local",
    )
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="so many workers; default: one for each core"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask cluster that is there, such as tcp://HOST:8786; else one is started here",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with what an earlier run has finished"
    )
    parser.add_argument(
        "--no-times",
        action="store_true",
        help="leave the column 'seconds' empty: then the same study makes the same file, byte for "
        "byte",
    )
    parser.set_defaults(run=run)


def _add_show(parts: Commands) -> None:
    parser = parts.add_parser(
        "show",
        help="show the results",
        description="Show a study's results: how many scenarios have a plan, by every axis; the "
        "Pareto front of\nslots, step, imbalance and pages; and why others have none.",
    )
    parser.add_argument("results", metavar="RESULTS.parquet", help="what 'study run' wrote")
    parser.add_argument(
        "--html", metavar="REPORT.html", help="write a page for a browser, with memory maps"
    )
    add_format(parser, "table", "json")
    parser.set_defaults(run=show)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 1024 and len(text) < 6):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers from 1 to 1024")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Run a study."""
    from pathlib import Path

    from slotsolver.study.reading import read_study
    from slotsolver.study.run import run as run_study

    if options.scheduler is not None and options.engine != "dask":
        raise InputError("goes with --engine dask", source="--scheduler")
    if options.scheduler is not None and options.workers is not None:
        raise InputError(
            "goes without --scheduler, whose cluster has its workers", source="--workers"
        )
    results = Path(options.output)
    if options.output == "-" or results.is_dir():
        raise InputError("is no file; Parquet needs one", source=f"-o {options.output}")
    definition = read_study(options.study)
    if options.no_times:
        definition = definition.model_copy(update={"times": False})
    last: list[Progress] = []
    with _engine(options) as (executor, workers), _bar() as draw:

        def watch(progress: Progress) -> None:
            last[:] = [progress]
            draw(progress)

        try:
            progress = run_study(
                definition,
                results,
                executor=executor,
                workers=workers,
                resume=options.resume,
                watch=watch,
            )
        except KeyboardInterrupt:
            done = f"{last[0].done:,} of {last[0].total:,}" if last else "no"
            tell(f"interrupted: {results} has {done} scenarios; --resume goes on with the others")
            raise
    if _free_unknown(definition):
        tell("a host says only how many pages it has: all of them were taken as free (`free:`)")
    if progress.damaged:
        tell(f"{results}.partial was damaged and could not be used: everything was done anew")
    _tell_outcome(progress, results)
    return 0


def _tell_outcome(progress: Progress, results: Path) -> None:
    """Say what came out, and why scenarios are no problems: often all of them, by one mistake in
    the study."""
    from slotsolver.study.result import StudyResult

    result = StudyResult(results)
    tell(
        f"wrote {results}: {progress.total:,} scenarios, {progress.planned:,} with a plan; "
        f"{result.unique:,} different ones were solved ({result.hit_rate:.1%} were the same as "
        f"others)"
    )
    for broken in result.broken(most=3) if progress.planned < progress.total else ():
        tell(
            f"{broken.scenarios:,} scenarios are {broken.status}, such as {broken.example}: "
            f"{broken.says}"
        )


def _free_unknown(definition: Definition) -> bool:
    """Whether the free memory of a host is not known, as from capabilities alone."""
    hosts = [definition.problem.get("host")]
    hosts += [host for axis in definition.axes for host in axis.sets.get("host", ())]
    return any(isinstance(host, dict) and host.get("free_known") is False for host in hosts)


@contextmanager
def _engine(options: argparse.Namespace) -> Iterator[tuple[Executor | None, int | None]]:
    if options.engine == "local":
        yield None, options.workers
        return
    from slotsolver.study.engines import dask_cluster

    with dask_cluster(options.scheduler, options.workers) as (executor, workers):
        yield executor, workers


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on standard error, if that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    says = TextColumn("{task.fields[rate]}  {task.fields[planned]}  {task.fields[left]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), says)
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("scenarios", total=None, rate="", planned="", left="")

        def draw(progress: Progress) -> None:
            bars.update(
                task,
                total=progress.total,
                completed=progress.done,
                rate=f"{progress.rate:,.0f}/s",
                planned=f"{progress.planned / progress.done:.0%} feasible" if progress.done else "",
                left=_time(progress.seconds_left),
            )

        yield draw


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"


def show(options: argparse.Namespace) -> int:
    """Show the results of a study."""
    from pathlib import Path

    from slotsolver.study.result import StudyResult

    result = StudyResult(Path(options.results))
    if options.html is not None:
        from slotsolver.study.report_of import page_of

        emit(page_of(result), options.html)
        tell(f"wrote {options.html}")
        return 0
    if options.format == "json":
        import json

        from slotsolver.study.summary import summary_of

        emit(json.dumps(summary_of(result), indent=2) + "\n")
        return 0
    from slotsolver.study.summary import draw_summary

    emit(page(lambda console: draw_summary(result, console)))
    return 0
