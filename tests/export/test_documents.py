"""JSON is exact and is the interface; YAML says the same to people."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from slotsolver.export.documents import json_text, yaml_text
from slotsolver.plan import Plan
from slotsolver.size import MiB, parse_size
from tests.conftest import Golden
from tests.export.cases import CASES
from tests.export.plans import host_of


@pytest.mark.parametrize("name", CASES)
def test_json_is_the_plan(name: str) -> None:
    """The JSON reads back as the same plan."""
    _, plan = CASES[name]()
    text = json_text(plan)
    assert Plan.model_validate_json(text) == plan
    assert text.endswith("}\n")


@pytest.mark.parametrize("name", CASES)
def test_yaml_says_what_the_json_says(name: str) -> None:
    """Every size and address in the YAML is text for exactly the number in the JSON."""
    _, plan = CASES[name]()
    compare(yaml.safe_load(yaml_text(plan)), plan.model_dump(mode="json"))


def compare(written: Any, exact: Any) -> None:
    """Walk both; texts of sizes and addresses must be the exact number."""
    if isinstance(exact, dict):
        assert list(written) == list(exact)
        for key in exact:
            compare(written[key], exact[key])
    elif isinstance(exact, list):
        assert len(written) == len(exact)
        for left, right in zip(written, exact, strict=True):
            compare(left, right)
    elif isinstance(exact, int) and isinstance(written, str):
        assert (int(written, 16) if written.startswith("0x") else parse_size(written)) == exact
    else:
        assert written == exact


def test_golden(golden: Golden) -> None:
    """The YAML of a plan is the one that was read and approved."""
    golden(yaml_text(CASES["spread"]()[1]), "export/spread.yaml")


def test_yaml_of_a_host() -> None:
    """Models that say which fields are sizes write them as text by themselves."""
    data = yaml.safe_load(yaml_text(host_of(1)))
    assert data["nodes"][0]["memory"] == "16 GiB"
    assert data["nodes"][0]["pools"][0]["page_size"] == "2 MiB"
    assert parse_size(data["nodes"][0]["pools"][0]["page_size"]) == 2 * MiB
