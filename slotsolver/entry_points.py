"""What other distributions add: the entry points of a group, loaded, or one error that names them.

Finding them means reading the metadata of everything that is installed, so it is done only when
somebody asks for a kind that may be theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slotsolver.errors import InputError


@dataclass(frozen=True)
class Origin:
    """Where something comes from that is not slotsolver's own: a distribution's entry point."""

    distribution: str
    version: str
    group: str
    name: str
    value: str

    def error(self, says: str) -> InputError:
        """What is wrong with it, in one line that names distribution and entry point."""
        entry = f"entry point {self.name} = {self.value} of {self.group}"
        return InputError(says, source=f"{self.distribution} {self.version}", place=entry)


def loaded(group: str, name: str | None = None) -> Iterator[tuple[Origin, Any]]:
    """Every entry point of a group (and of that name), by distribution and name, with what it
    stands for; :class:`InputError` where that cannot be imported."""
    from importlib import metadata

    found = []
    for entry in metadata.entry_points(group=group):
        if entry.dist is not None and name in (None, entry.name):
            origin = Origin(entry.dist.name, entry.dist.version, group, entry.name, entry.value)
            found.append((origin, entry))
    for origin, entry in sorted(found, key=lambda pair: (pair[0].distribution, pair[0].name)):
        try:
            thing = entry.load()
        except Exception as error:  # it is somebody else's module: anything may happen in it
            raise origin.error(
                f"cannot be imported: {told(error)}; mend or uninstall it"
            ) from error
        yield origin, thing


def told(error: Exception) -> str:
    """An exception in one line, with the place in the code where it was raised."""
    import traceback
    from pathlib import Path

    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    where = "".join(f" ({Path(f.filename).name}, line {f.lineno})" for f in frames[-1:])
    return f"{type(error).__name__}: {error}{where}"
