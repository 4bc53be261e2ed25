"""JSON, which is the interface and exact, and YAML, which is the same for people to read.

In YAML a size is text with a unit, exact too (``512 MiB``), an address is hexadecimal text as in
libvirt's XML, and a list of numbers stands on one line. Everything else is as in the JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from pydantic import BaseModel

from slotsolver.plan import Plan
from slotsolver.size import format_size

_SIZES = frozenset(
    {"memory", "maximum", "block", "step", "boot", "size", "page_size"}
    | {"requested", "before", "wanted", "stranded"}
)
"""Fields of a plan that hold bytes."""


def json_text(model: BaseModel) -> str:
    """The JSON of an answer, a problem, a host or a guest: sizes and addresses are bytes."""
    return model.model_dump_json(indent=2, by_alias=True) + "\n"


def yaml_text(model: BaseModel) -> str:
    """The YAML of an answer, a problem, a host or a guest, for people."""
    data = model.model_dump(mode="json", by_alias=True, context={"sizes": "text"})
    if isinstance(model, Plan):
        data = _readable_plan(data)
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _readable_plan(plan: dict[str, Any]) -> dict[str, Any]:
    for guest in plan["guests"]:
        for stage in guest["stages"]:
            stage["cells"] = [format_size(size) for size in stage["cells"]]
        for device in guest["virtio_mem"]:
            device["stages"] = [format_size(size) for size in device["stages"]]
    for objective in plan["objectives"]:
        if objective["unit"] == "bytes":
            objective |= {key: format_size(objective[key]) for key in ("value", "bound")}
    readable: dict[str, Any] = _walk(plan)
    return readable


def _walk(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _walk(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_walk(item) for item in value]
    written: Callable[[int], str] = hex if key == "address" else format_size
    if isinstance(value, int) and (key in _SIZES or key == "address"):
        return written(value)
    return value


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key and puts lists of plain values on one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        """A list of plain values is written as ``[0, 1]``."""
        plain = not any(isinstance(item, dict | list) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style or plain)
