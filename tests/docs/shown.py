"""What the documentation shows: fenced blocks, the commands in them and the output they claim.

In a block marked ``console`` a line that begins with ``$ `` is a command, and the lines below it
are what it prints. ``…`` stands for any text within a line, and alone on a line for any lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "examples/README.md",
    "docs/architecture.md",
    "docs/catalogue.md",
    "docs/own-rules.md",
    "docs/studies.md",
    "docs/why-not.md",
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command and the output that is shown for it."""

    line: str
    output: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    return [Block(*found) for found in _FENCE.findall(text)]


def commands(page: str) -> list[Command]:
    """The commands of a page's console blocks, in order."""
    found = []
    for block in blocks(page):
        if block.language != "console":
            continue
        head, *parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert not head, f"{page}: a console block begins with output: {head!r}"
        for part in parts:
            line, _, output = re.sub(r"\\\n> ", "", part).partition("\n")
            found.append(Command(line, output))
    return found


def programs(page: str) -> Iterator[tuple[str, str]]:
    """The Python blocks of a page, each with the text block below it that shows what it prints."""
    for block, below in pairwise(blocks(page)):
        if block.language == "python":
            assert below.language == "text", f"{page}: no output is shown for a Python block"
            yield block.text, below.text


def is_shown(shown: str, printed: str) -> bool:
    """Whether ``printed`` is what ``shown`` says, which may leave parts out with ``…``."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(map(re.escape, line.rstrip().split("…"))) + r"\n"
    lines = (line.rstrip() for line in printed.splitlines())
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None
