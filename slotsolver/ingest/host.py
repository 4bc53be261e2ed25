"""Hosts: this machine, a sysfs tree, libvirt capabilities, or YAML, told apart by what they are."""

from __future__ import annotations

from pathlib import Path

from slotsolver.errors import InputError
from slotsolver.ingest.capabilities import apply_free, read_capabilities
from slotsolver.ingest.files import STDIN, name_of, read_bytes
from slotsolver.ingest.sysfs import read_local, read_sysfs
from slotsolver.ingest.xml import looks_like_xml
from slotsolver.ingest.yaml import read_document
from slotsolver.problem import Host

LOCAL = "local"


def read_host(source: str, *, free: str | None = None) -> Host:
    """Read a host.

    ``source`` is ``local``, a folder (a sysfs root), a capabilities XML, or a YAML or JSON host;
    ``-`` is standard input. ``free`` is a file with the output of ``virsh freepages --all``.
    Raises :class:`InputError` for anything else.
    """
    if free == STDIN == source:
        raise InputError("standard input cannot be both the host and its free pages")
    host = _read(source)
    return host if free is None else apply_free(host, read_bytes(free), source=name_of(free))


def _read(source: str) -> Host:
    if source == LOCAL:
        return read_local()
    if _is_folder(source):
        return read_sysfs(Path(source))
    data = read_bytes(source)
    source = name_of(source)
    if looks_like_xml(data):
        return read_capabilities(data, source=source)
    return read_document(data, source=source).validate(Host)


def _is_folder(source: str) -> bool:
    try:
        return Path(source).is_dir()
    except (OSError, ValueError):  # reading it as a file tells what is wrong with the name
        return False
