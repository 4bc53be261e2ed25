"""The catalogue is what the classes say, and each of its lines of YAML means what it says."""

from __future__ import annotations

import pytest

from docs.generate import CATALOGUE, page
from slotsolver.catalogue import example
from slotsolver.catalogue_lines import GROUPS, LINES
from slotsolver.kinds import Declared, is_built_in
from slotsolver.policies import objectives, policies

EVERY: dict[str, type[Declared]] = {**policies(), **objectives()}
KINDS = {kind: cls for kind, cls in EVERY.items() if is_built_in(cls)}


def test_it_is_up_to_date() -> None:
    """``make docs`` would write the same again."""
    assert CATALOGUE.read_text(encoding="utf-8") == page()


def test_it_has_lines_for_every_kind_and_no_other() -> None:
    """Every kind is shown at least once."""
    assert set(LINES) == set(KINDS)
    assert all(LINES.values())


def test_every_kind_has_its_place() -> None:
    """Each stands under one heading, policies and objectives apart."""
    assert sorted(kind for group in GROUPS.values() for kind in group) == sorted(KINDS)
    for heading, group in GROUPS.items():
        known = objectives() if heading.startswith("Objectives") else policies()
        assert set(group) <= set(known)


@pytest.mark.parametrize(("kind", "line"), [(k, line) for k in LINES for line in LINES[k]])
def test_each_line_parses(kind: str, line: str) -> None:
    """A line gives the policy or objective it stands under, which describes itself in a line."""
    found = example(kind, line)
    assert type(found) is KINDS[kind]
    assert found.describe().strip()
    assert "\n" not in found.describe()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_lines_show_every_field(kind: str) -> None:
    """Between them the lines of a kind use every field that is its own."""
    shown = {name for line in LINES[kind] for name in example(kind, line).model_fields_set}
    assert set(KINDS[kind].model_fields) - {"kind", "guests", "cells"} <= shown
