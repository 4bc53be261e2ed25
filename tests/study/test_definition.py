"""Which scenarios a study has: products, zipped axes, samples; names that are refused."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from slotsolver.study.definition import Axis, Definition
from slotsolver.study.scenarios import Scenarios

SIZES = (2, 3, 4)


def definition(sizes: tuple[int, ...] = SIZES, **fields: Any) -> Definition:
    """A study of axes that are so long."""
    names = ("slots", "target", "step", "maximum")
    axes = tuple(
        Axis(name=name, sets={name: tuple(range(1, size + 1))})
        for name, size in zip(names, sizes, strict=False)
    )
    return Definition(problem={"guests": []}, axes=axes, **fields)


def points(study: Definition) -> list[int]:
    """The combinations of its scenarios."""
    scenarios = Scenarios(study)
    return [scenarios.point(number) for number in range(len(scenarios))]


def test_product() -> None:
    """Every combination once, the last axis changing fastest."""
    study = definition()
    assert len(study) == 24
    expected = list(product(*map(range, SIZES)))
    assert [study.choices(point) for point in points(study)] == expected


def test_zip() -> None:
    """The first choices together, then the second ones."""
    study = definition((3, 3), combine="zip")
    assert [study.choices(point) for point in points(study)] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("combine", ["product", "zip"])
def test_without_axes(combine: Any) -> None:
    """The problem itself is the only scenario."""
    study = definition((), combine=combine)
    assert [study.choices(point) for point in points(study)] == [()]


def test_sample() -> None:
    """The same seed draws the same, another one others; never one twice, in order."""
    first = points(definition(combine="sample", count=8, seed=1))
    assert first == points(definition(combine="sample", count=8, seed=1))
    others = [points(definition(combine="sample", count=8, seed=seed)) for seed in range(2, 6)]
    assert all(other != first for other in others)
    assert first == sorted(set(first))
    assert len(first) == 8
    assert set().union(*others, first) <= set(range(24))
    assert len(set().union(*others, first)) > 16


@pytest.mark.parametrize("count", [24, 25, 10_000])
def test_sample_of_all(count: int) -> None:
    """A sample is never larger than all that there is."""
    assert points(definition(combine="sample", count=count)) == list(range(24))


def test_sample_of_many() -> None:
    """Out of more combinations than could be listed."""
    study = definition((10**6, 10**6, 10**6), combine="sample", count=3)
    assert len(points(study)) == 3
    with pytest.raises(ValidationError, match="combinations"):
        definition((10**6, 10**6, 10**6, 10), combine="sample", count=3)


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ([{"name": "A", "sets": {"step": [1]}}, {"name": "a", "sets": {"slots": [1]}}], "called"),
        (
            [
                {"name": "x", "sets": {"step": [1]}, "labels": ["l"]},
                {"name": "X.step", "sets": {"slots": [1]}},
            ],
            "two axes have the column 'X.step'",
        ),
        ([{"name": "a\0b", "sets": {"step": [1]}}], "NUL"),
        ([{"name": "a", "sets": {"guests.a\0.boot": [1]}, "labels": ["x"]}], "NUL"),
        ([{"name": "SECONDS", "sets": {"step": [1]}}], "as a column of the answers is"),
        ([{"name": "smallest_pools_taken", "sets": {"step": [1]}}], "as a column of the answers"),
        ([{"name": "finest_step_at_least", "sets": {"step": [1]}}], "as a column of the answers"),
        ([{"name": "a", "sets": {"step": [1, 2], "slots": [1]}, "labels": ["x", "y"]}], "length"),
        ([{"name": "a", "sets": {"step": [1, 2], "slots": [1, 2]}}], "need labels"),
        ([{"name": "a", "sets": {"step": [1, 2]}, "labels": ["x", "x"]}], "two choices 'x'"),
    ],
)
def test_names_that_would_be_one_column(axes: list[Any], says: str) -> None:
    """Names of columns differ in more than case; DuckDB tells them apart by no more."""
    with pytest.raises(ValidationError) as caught:
        Definition.model_validate({"problem": {}, "axes": axes})
    assert says in str(caught.value)
