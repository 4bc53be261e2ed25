"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slotsolver.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns of a page that no terminal limits."""


def emit(text: str, path: str | None = None) -> None:
    """Write a result to a file, or to standard output if ``path`` is ``None`` or ``-``."""
    if path in (None, "-"):
        with _writing():
            sys.stdout.write(text)
            sys.stdout.flush()
    else:
        from pathlib import Path

        from slotsolver.export.files import write_whole

        write_whole(Path(str(path)), text)


@contextmanager
def _writing() -> Iterator[None]:
    """Tells in one line why standard output takes no more; that its reader left is no error."""
    if sys.stdout is None:
        raise InputError("is closed; nothing could be written", source="standard output")
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence()
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be written: {reason}", source="standard output") from None


def finish() -> None:
    """Flush what was printed without :func:`emit`, such as the help."""
    with _writing():
        sys.stdout.flush()


def silence() -> None:
    """Keep the interpreter from flushing once more, and failing once more, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def page(draw: Callable[[Console], None], path: str | None = None) -> str:
    """What ``draw`` prints, coloured and as wide as the terminal if it goes to one."""
    from rich.console import Console

    terminal = path in (None, "-") and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else WIDTH
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, emoji=False)
    with console.capture() as captured:
        draw(console)
    if terminal:
        return captured.get()
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def tell(message: str) -> None:
    """A message beside the result, on standard error."""
    print(f"slotsolver: {message}", file=sys.stderr)
