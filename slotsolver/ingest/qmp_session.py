"""Files of a QMP session: which of QEMU's answers are in them, told apart by their shape.

A file holds one JSON value or several in a row: answers (``{"return": …}`` or their value alone),
or an object with the queries' names as keys. Greetings, commands, events and answers to other
commands may stand in between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slotsolver.errors import InputError
from slotsolver.fields import nearest
from slotsolver.ingest.files import decode

DEVICES, SUMMARY, BACKENDS = "query-memory-devices", "query-memory-size-summary", "query-memdev"
QUERIES = (DEVICES, SUMMARY, BACKENDS)

_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Answer:
    """The value that a query returned, as it stands in a file, and where."""

    query: str
    value: Any
    source: str
    line: int


def answers_in(data: bytes, source: str) -> Iterator[Answer]:
    """The answers to :data:`QUERIES` that stand in a file.

    Raises :class:`InputError` where there are none, for what is no JSON, and where QEMU refused.
    """
    count = 0
    for value, line in _values(decode(data, source=source), source):
        for query, answer in _queries(value, source, line):
            count += 1
            yield Answer(query, answer, source, line)
    if not count:
        raise InputError(f"holds no answer to {', '.join(QUERIES)}", source=source)


def _values(text: str, source: str) -> Iterator[tuple[Any, int]]:
    """The JSON values of a text, which may follow each other, with their lines."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    end, line = 0, 1
    while (start := _past_space(text, end)) < len(text):
        line += text.count("\n", end, start)
        try:
            value, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}"
            raise InputError(f"is not JSON: {error.msg}", source=source, place=place) from None
        except RecursionError:
            raise InputError("is nested too deeply", source=source) from None
        except ValueError as error:
            raise InputError(str(error), source=source, place=f"line {line}") from None
        yield value, line
        line += text.count("\n", start, end)


def _past_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; keep one")
    return result


def _queries(value: Any, source: str, line: int) -> Iterator[tuple[str, Any]]:
    """The queries that a JSON value answers, and their answers; none for the rest of a session."""
    place = f"line {line}"
    if isinstance(value, dict) and value.keys() & {"QMP", "event", "execute", "exec-oob"}:
        return
    if isinstance(value, dict) and "error" in value:
        raise InputError(f"QEMU refused: {_refusal(value['error'])}", source=source, place=place)
    if isinstance(value, dict) and any(key.startswith("query-") for key in value):
        for key, answer in value.items():
            if key not in QUERIES:
                message = f"{key!r} is no query that is read here; {nearest(key, QUERIES)}"
                raise InputError(message, source=source, place=place)
            yield key, answer["return"] if _is_wrapped(answer) else answer
        return
    wrapped = _is_wrapped(value)
    answer = value["return"] if wrapped else value
    query = _query_of(answer)
    if query is not None:
        yield query, answer
    elif not wrapped:
        raise InputError(f"is no answer to {', '.join(QUERIES)}", source=source, place=place)


def _is_wrapped(value: Any) -> bool:
    return isinstance(value, dict) and "return" in value


def _refusal(error: Any) -> str:
    return str(error.get("desc", error) if isinstance(error, dict) else error)


def _query_of(answer: Any) -> str | None:
    """Which query an answer is to, by its shape. Only that for devices can be answered with an
    empty list: every guest has a backend, that of its boot memory (QEMU 5.0 hw/core/machine.c)."""
    if isinstance(answer, dict):
        return SUMMARY if "base-memory" in answer else None
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        return None
    if all({"type", "data"} <= item.keys() for item in answer):
        return DEVICES
    return BACKENDS if all({"policy", "size"} <= item.keys() for item in answer) else None
