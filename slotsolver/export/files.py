"""Output files appear whole or not at all.

Every text is made before the first file is written; each file is written beside its place, forced
to disk, and moved there in one step (POSIX rename). A reader sees the old file or the new one.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from slotsolver.errors import InputError
from slotsolver.export.destination import destination_xml, not_taken
from slotsolver.export.device_xml import device_xml
from slotsolver.export.documents import json_text
from slotsolver.export.layout import Layout
from slotsolver.export.libvirt import domain_xml
from slotsolver.export.qemu import qemu_arguments, quote
from slotsolver.export.qmp import qmp_lines
from slotsolver.export.script import operations_script
from slotsolver.plan import Plan
from slotsolver.problem import Problem

_NUMBERED = re.compile(r"(?:device|destination)-\d+\.xml|operations\.(?:sh|qmp)")
"""Files that a plan may have fewer of than the one before."""

_UNSAFE = re.compile(r"[/\\%\x00-\x1f\x7f]|^\.")


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all; the mode of an old file stays.

    A link is followed; a device or pipe (``/dev/stdout``) is written to directly. Raises
    :class:`InputError` where that is not possible.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not (target.is_file() or target.is_dir()):
            target.write_text(text, encoding="utf-8")
        else:
            _replace(target, text.encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be written: {reason}", source=str(path)) from error


def write_directory(out_dir: Path, problem: Problem, plan: Plan) -> tuple[Path, ...]:
    """Write a plan and what it has of each guest to a folder, made if it is missing.

    ``plan.json``; for each guest ``domain.xml`` and ``qemu.args``, of one that runs
    ``operations.sh``, ``operations.qmp`` and for its Nth operation ``device-N.xml``, and for the
    Nth host that it may migrate to ``destination-N.xml``, unless that would not take it (see
    :func:`slotsolver.export.destination.not_taken`). With several guests those stand in
    folders of the guests' names (see :func:`folder_name`). Files of an earlier plan with more
    operations or hosts are removed. Returns the files in the order in which they were written, the
    plan last: where it is, everything is.
    """
    texts: dict[Path, str] = {}
    for guest in plan.guests:
        folder = out_dir / folder_name(guest.name) if len(plan.guests) > 1 else out_dir
        texts |= {folder / name: text for name, text in _guest_files(problem, plan, guest.name)}
    texts[out_dir / "plan.json"] = json_text(plan)
    _remove_older(texts)
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            message = f"the folder cannot be made: {reason}"
            raise InputError(message, source=str(path.parent)) from error
        write_whole(path, text)
    return tuple(texts)


def _guest_files(problem: Problem, plan: Plan, name: str) -> Iterator[tuple[str, str]]:
    """Names and texts of a guest's files."""
    layout = Layout.of(problem, plan, name)
    yield "domain.xml", domain_xml(problem, plan, name)
    yield "qemu.args", quote(qemu_arguments(problem, plan, name, version=problem.qemu))
    for number in range(len(plan.destinations)):
        if not_taken(problem, plan, name, number) is None:
            yield f"destination-{number + 1}.xml", destination_xml(problem, plan, name, number)
    if not layout.guest.running:
        return
    devices = [PurePath(f"device-{n + 1}.xml") for n in range(len(layout.planned.operations))]
    for file, operation in zip(devices, layout.planned.operations, strict=True):
        yield file.name, device_xml(layout, operation)
    yield "operations.qmp", qmp_lines(problem, plan, name)
    yield "operations.sh", operations_script(layout, devices)


def _remove_older(texts: Mapping[Path, str]) -> None:
    """Remove what an earlier plan wrote and this one does not have; first its plan, without which
    nothing counts."""
    older = [
        path
        for folder in sorted({path.parent for path in texts})
        for path in sorted(folder.glob("*-*.xml")) + sorted(folder.glob("operations.*"))
        if _NUMBERED.fullmatch(path.name) and path not in texts and path.is_file()
    ]
    if not older:
        return
    for path in [*(p for p in texts if p.name == "plan.json"), *older]:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"cannot be removed: {reason}", source=str(path)) from error


def folder_name(guest_name: str) -> str:
    """A guest's name as a folder's: separators, control characters, ``%`` and a leading dot are
    written as ``%2F``, so that no name leaves the folder and no two names meet."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", guest_name)


def _replace(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), _mode(target))
        settle(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def settle(temporary: Path, target: Path) -> None:
    """Force a file that is whole to disk, and move it to its place beside it in one step. Raises
    ``OSError`` where that fails."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)  # makes the rename itself last
    finally:
        os.close(handle)


def _mode(target: Path) -> int:
    """The mode of the file that is there, else what the process gives new files."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)  # can only be read by setting it
    os.umask(mask)
    return 0o666 & ~mask
