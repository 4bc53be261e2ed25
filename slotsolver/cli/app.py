"""The program: its commands, and one clear ending for everything that may go wrong.

Results go to standard output, messages to standard error, each on one line.

Every start of the program waits for the imports at the top of this package's modules, help and
errors too. So only what parsing takes stands there; what a command needs it imports in ``run``.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from slotsolver.cli import check, explain, guest, host, plan, resize, schema, study
from slotsolver.cli.arguments import Parser
from slotsolver.cli.output import finish, silence
from slotsolver.cli.progress import abandoned
from slotsolver.errors import DefectError, InputError
from slotsolver.version import VERSION

BAD_INPUT, DEFECT = 2, 1
INTERRUPTED, BROKEN_PIPE = 130, 141
"""128 and the number of the signal, as shells say it."""

TRACEBACK = "SLOTSOLVER_TRACEBACK"
"""Set in the environment, it shows the traceback of an error that nobody foresaw."""

COMMANDS = (plan, resize, explain, check, host, guest, study, schema)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; ``arguments`` are those after the program's name. The exit code."""
    code = _ended(arguments)
    if abandoned():  # a search that goes on while the interpreter ends would abort the program
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)
    return code


def _ended(arguments: Sequence[str] | None) -> int:
    """Run one command and say how it ended."""
    _write_utf8()
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
        finish()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads the output has enough of it
        silence()
        return BROKEN_PIPE
    except InputError as error:
        _say("error", str(error))
        return BAD_INPUT
    except Exception as error:
        _report(error)
        return DEFECT
    return code


def build_parser() -> Parser:
    """The parser of every command; a parsed command has its function as ``run``."""
    parser = Parser(prog="slotsolver", description="Memory slot layouts for virtual machines.")
    parser.add_argument("--version", action="version", version=f"slotsolver {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def _run(arguments: list[str]) -> int:
    try:
        parsed = build_parser().parse_args(arguments)
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)
    code: int = parsed.run(parsed)
    return code


def _say(kind: str, message: str) -> None:
    """One line on standard error, whatever the names in it are made of."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    if sys.stderr is not None:
        print(f"slotsolver: {kind}: {line}", file=sys.stderr)


def _report(error: Exception) -> None:
    """A defect: what happened, and what a report of it needs."""
    if os.environ.get(TRACEBACK):
        import traceback

        traceback.print_exception(error)
    if not isinstance(error, DefectError):
        _say(
            "defect",
            f"{type(error).__name__}: {error}; please report this, with the traceback that "
            f"{TRACEBACK}=1 in the environment shows",
        )
        return
    message = f"slotsolver contradicts itself: {error}; nothing was written; please report this"
    if error.report:
        import tempfile
        from pathlib import Path

        handle, name = tempfile.mkstemp(prefix="slotsolver-defect-", suffix=".json")
        os.close(handle)
        Path(name).write_text(error.report, encoding="utf-8")
        message += f" with the file {name}, which reproduces it"
    _say("defect", message)


def _write_utf8() -> None:
    """XML without a declaration and JSON are UTF-8, whatever the locale is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
