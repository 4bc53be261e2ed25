"""The architecture page knows the house as it stands."""

from __future__ import annotations

import re

from tests.docs.shown import PAGES, PROJECT

PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
EACH_ALIKE = ("constraints", "objectives", "checker/policies")
"""Packages whose modules are one for each kind; the catalogue names them."""


def modules() -> set[str]:
    """Every module of the package that is a concept of its own."""
    found = (path.relative_to(PROJECT) for path in (PROJECT / "slotsolver").rglob("*.py"))
    return {
        str(path).removeprefix("slotsolver/")
        for path in found
        if not path.name.startswith("__")
        and str(path.parent).removeprefix("slotsolver/") not in EACH_ALIKE
    }


def test_it_has_a_word_on_every_module() -> None:
    """A module that nobody explains is noticed."""
    assert not {name for name in modules() if f"`{name}`" not in PAGE}


def test_it_names_no_module_that_is_gone() -> None:
    """What it calls a module is there, in the package or in the project."""
    named = {n for n in re.findall(r"`([a-z_/]+\.py)`", PAGE) if "my_rule" not in n}
    assert named
    gone = {
        n for n in named if not ((PROJECT / n).exists() or (PROJECT / "slotsolver" / n).exists())
    }
    assert not gone


def test_links_lead_somewhere() -> None:
    """Every relative link of every page points to a file that is there."""
    for page in PAGES:
        path = PROJECT / page
        for target in re.findall(r"\]\(([^)#][^)#]*)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{page} links to {target}"
