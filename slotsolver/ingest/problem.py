"""A problem from YAML (or JSON): a host, guests, policies, objectives.

File names in it are relative to its folder. A guest with ``domain:`` comes from that domain XML;
beside it only what is wanted of the guest may stand, and the files with what QEMU answers of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from slotsolver.errors import InputError
from slotsolver.fields import Seldom
from slotsolver.ingest.files import STDIN, name_of, read_bytes
from slotsolver.ingest.guest import change_guest, check_against_host, read_guest, with_target
from slotsolver.ingest.host import LOCAL, read_host
from slotsolver.ingest.xml import looks_like_xml
from slotsolver.ingest.yaml import Document, read_document
from slotsolver.problem import Host, Maximum, Problem, Target
from slotsolver.size import Size

_Files = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str) else value,
        json_schema_input_type=str | tuple[str, ...],
    ),
]
"""File names; one alone needs no list."""


class DomainGuest(Seldom):
    """A guest of a problem that is read from a domain XML: the file and what is wanted of it.

    ``qmp`` are files of what QEMU answers of it, which make it a running guest.
    """

    domain: str = Field(min_length=1)
    qmp: _Files = ()
    name: str | None = Field(default=None, min_length=1, max_length=255)
    target: Target | None = None
    maximum: Maximum | None = None
    waypoints: tuple[Size, ...] | None = None
    slots: int | None = Field(default=None, ge=0, le=1 << 16)


def read_problem(source: str, *, host: Host | None = None) -> Problem:
    """Read a problem; ``-`` is standard input, relative to the working directory.

    ``host`` replaces the one the file names. Raises :class:`InputError` with the line.
    """
    data = read_bytes(source)
    folder = Path() if source == STDIN else Path(source).parent
    source = name_of(source)
    if looks_like_xml(data):
        raise InputError(
            "is XML, a problem is YAML; give a domain XML as --guest, capabilities as --host",
            source=source,
        )
    return problem_of(read_document(data, source=source), folder, host=host)


def problem_of(document: Document, folder: Path, *, host: Host | None = None) -> Problem:
    """The problem that a document states; file names in it are relative to ``folder``."""
    fields = dict(document.data)
    free = fields.pop("free", None)
    host = host or _host(document, fields.get("host"), free, folder)
    fields["host"] = host
    others = fields.get("also_hosts")
    if isinstance(others, list):
        fields["also_hosts"] = [
            _also_host(document, entry, index, folder) for index, entry in enumerate(others)
        ]
    entries = fields.get("guests")
    if isinstance(entries, list):
        fields["guests"] = [
            _guest(document, entry, index, folder, host) for index, entry in enumerate(entries)
        ]
    problem = document.validate(Problem, fields)
    if host:
        for index, guest in enumerate(problem.guests):
            try:
                check_against_host(guest, host)
            except InputError as error:
                raise document.locate(_whole(error), ("guests", index)) from None
    return problem


def _host(document: Document, entry: Any, free: Any, folder: Path) -> Host | None:
    if free is not None and (not isinstance(free, str) or not isinstance(entry, str)):
        raise document.locate(
            InputError("is a file name, and needs `host` to be one too", place="free")
        )
    if isinstance(entry, str):
        pages = None if free is None else str(folder / free)
        return read_host(_beside(folder, entry), free=pages)
    return None if entry is None else document.validate(Host, entry, at=("host",))


def _also_host(document: Document, entry: Any, index: int, folder: Path) -> Host:
    if isinstance(entry, str):
        return read_host(_beside(folder, entry))
    return document.validate(Host, entry, at=("also_hosts", index))


def _beside(folder: Path, host: str) -> str:
    return host if host == LOCAL else str(folder / host)


def _guest(document: Document, entry: Any, index: int, folder: Path, host: Host | None) -> Any:
    """A guest from its domain XML; an inline one is left to :class:`Problem`, its target filled in
    where it runs."""
    if not isinstance(entry, dict):
        return entry
    if "domain" not in entry:
        return with_target(entry, document.context)
    at = ("guests", index)
    wanted = document.validate(DomainGuest, entry, at=at)
    qmp = [str(folder / file) for file in wanted.qmp]
    guest = read_guest(str(folder / wanted.domain), host=host, qmp=qmp)
    changes = {
        name: getattr(wanted, name)
        for name in wanted.model_fields_set - {"domain", "qmp"}
        if getattr(wanted, name) is not None
    }
    try:
        return change_guest(guest, changes, source="")
    except InputError as error:
        raise document.locate(error, at) from None


def _whole(error: InputError) -> InputError:
    """The error without its own place, which its text takes over."""
    return InputError(f"{error.place}: {error.message}")
