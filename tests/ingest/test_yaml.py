"""YAML and JSON of people."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver.errors import InputError
from slotsolver.ingest.yaml import read_document
from slotsolver.problem import Host, Problem

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


def test_scalars_stay_what_people_mean() -> None:
    """Ranges, versions, ratios and on/off are text; whole numbers and true are not."""
    text = "a: 0-3\nb: 7.10\nc: 1/8\nd: on\ne: 12\nf: true\ng: 010\nh: 1:30\ni:\nj: 2001-01-01\n"
    assert read_document(text.encode(), source="p.yaml").data == {
        "a": "0-3",
        "b": "7.10",
        "c": "1/8",
        "d": "on",
        "e": 12,
        "f": True,
        "g": "010",
        "h": "1:30",
        "i": None,
        "j": "2001-01-01",
    }


@pytest.mark.parametrize(
    ("text", "place", "rule"),
    [
        (BOMB, "line 2", "aliases (*name) are not taken"),
        ("a: &x [*x]\n", "line 1", "aliases"),
        ("a: 1\nb: 2\na: 3\n", "line 3", "the key 'a' stands twice"),
        ('{"a": 1, "a": 2}', "", "the key 'a' stands twice"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1", "could not determine"),
        ("a: [1, 2\nb: 3\n", "line 2", "is not the YAML"),
        ("a: 1\n---\nb: 2\n", "line 2", "but found another document"),
        ("\tx: 1\n", "line 1", "is not the YAML"),
        ("a: \x07\n", "", "is not the YAML"),
        ("- a\n- b\n", "line 1", "a mapping such as 'name: value' is needed"),
        ("just words\n", "line 1", "a mapping such as 'name: value' is needed, not 'just words'"),
        ("# only a comment\n", "", "is empty"),
        ("? [a]\n: 1\n", "line 1", "is not the YAML"),
        ("a: " + "[" * 5000 + "]" * 5000, "", "nested too deeply"),
        ('{"a": ' + "[" * 200000 + "]" * 200000 + "}", "", "nested too deeply"),
        ("a: " + "9" * 5000, "", "is not the YAML"),
        ("a: " + "b" * (3 << 20), "", "more than 2 MiB of YAML"),
    ],
)
def test_what_is_not_plain_data_is_refused(text: str, place: str, rule: str) -> None:
    """Aliases, keys that come twice, tags, other documents: one line each, never a traceback."""
    with pytest.raises(InputError) as caught:
        read_document(text.encode(), source="p.yaml")
    assert (caught.value.source, caught.value.place) == ("p.yaml", place)
    assert rule in caught.value.message


def test_bad_json_is_named_as_json() -> None:
    """A file called .json is not tried as YAML."""
    with pytest.raises(InputError, match=r"^p\.json: line 2: is not JSON"):
        read_document(b'{"a":\n x}', source="p.json")
    assert read_document(b"{a: x}", source="p.yaml").data == {"a": "x"}


def test_sizes_need_units_in_yaml_and_not_in_json() -> None:
    """People write units, programs write bytes."""
    node = {"id": 0, "memory": 4096}
    document = read_document(json.dumps({"nodes": [node]}).encode(), source="h.json")
    assert document.validate(Host).nodes[0].memory == 4096
    with pytest.raises(InputError) as caught:
        read_document(b"nodes:\n- id: 0\n  memory: 4096\n", source="h.yaml").validate(Host)
    assert str(caught.value).startswith("h.yaml: line 3, nodes.0.memory: size 4096 has no unit")


_SCALARS = st.none() | st.booleans() | st.integers(-5, 10**25) | st.text(max_size=5)
_SCALARS |= st.sampled_from(["2 MiB", "-1GiB", "0-3", "strict", "step", "local"])
_KEYS = st.sampled_from(
    [
        *("host", "guests", "policies", "nodes", "id", "cpus", "memory", "free", "pages", "pools"),
        *("page_size", "total", "distances", "name", "cells", "boot", "target", "maximum", "slots"),
        *("devices", "size", "model", "cell", "host_nodes", "at_least", "kind", "2 MiB", "0"),
    ]
)
_VALUES = st.recursive(
    _SCALARS, lambda c: st.lists(c, max_size=3) | st.dictionaries(_KEYS, c, max_size=4)
)
_NODES = st.fixed_dictionaries(
    {"id": _SCALARS, "memory": _SCALARS},
    optional={"pages": _VALUES, "cpus": _VALUES, "distances": _VALUES, "free": _SCALARS},
)
_GUESTS = st.fixed_dictionaries(
    {"name": st.just("g"), "cells": st.just([{}]) | _VALUES, "target": _VALUES},
    optional={"maximum": _VALUES, "devices": _VALUES, "boot": _VALUES, "waypoints": _VALUES},
)
_PROBLEMS = st.fixed_dictionaries(
    {"guests": st.lists(_GUESTS, max_size=2) | _VALUES},
    optional={"host": st.fixed_dictionaries({"nodes": st.lists(_NODES)}), "policies": _VALUES},
)


@settings(max_examples=200)
@given(_PROBLEMS)
def test_any_document_is_a_problem_or_one_error(data: dict[str, object]) -> None:
    """Whatever shape a document has, it is read or refused in one line that names the file."""
    document = read_document(json.dumps(data).encode(), source="p.json")
    try:
        problem = document.validate(Problem)
    except InputError as error:
        message = str(error)
    else:
        assert Problem.model_validate_json(problem.model_dump_json()) == problem
        return
    assert message.startswith("p.json: ")
    assert "\n" not in message
