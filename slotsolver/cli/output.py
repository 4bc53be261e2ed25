"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns of a page that no terminal limits."""


def emit(text: str, path: str | None = None) -> None:
    """Write a result to a file, or to standard output if ``path`` is ``None`` or ``-``."""
    if path in (None, "-"):
        sys.stdout.write(text)
    else:
        from slotsolver.export.files import write_whole

        write_whole(Path(str(path)), text)


def page(draw: Callable[[Console], None], path: str | None = None) -> str:
    """What ``draw`` prints, coloured and as wide as the terminal if it goes to one."""
    from rich.console import Console

    terminal = path in (None, "-") and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else WIDTH
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width)
    with console.capture() as captured:
        draw(console)
    return captured.get()


def tell(message: str) -> None:
    """A message beside the result, on standard error."""
    print(f"slotsolver: {message}", file=sys.stderr)
