"""Writes ``docs/catalogue.md``, the catalogue of slotsolver's own policies and objectives.

``make docs`` runs it. What other distributions have installed is left out.
"""

from __future__ import annotations

from pathlib import Path

from slotsolver.catalogue import catalogue

CATALOGUE = Path(__file__).with_name("catalogue.md")
HEAD = """\
# Policies and objectives

*Written by `make docs` from the classes themselves; change those, not this file.*

"""


def page() -> str:
    """The whole page."""
    return HEAD + catalogue(installed=False)


if __name__ == "__main__":
    CATALOGUE.write_text(page(), encoding="utf-8")
