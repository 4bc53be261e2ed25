"""Names of a package that are imported when they are asked for.

A package whose ``__init__`` imports what it offers makes everyone wait for all of it who imports
any of its modules, because Python runs ``__init__`` first. So the packages whose parts take long,
or are seldom needed together, say where each name is at home (PEP 562)::

    if TYPE_CHECKING:
        from slotsolver.size import format_size  # what type checkers and readers see
    else:
        __getattr__, __dir__ = lazily(__name__, {"slotsolver.size": ("format_size",)})

Within functions an ordinary import does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from sys import modules


def lazily(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package: ``homes`` are modules and which of the
    package's names each of them has."""
    module_of = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> object:
        """Import a name, once: then it is an attribute like any other."""
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(module_of[name]), name)
        setattr(modules[package], name, value)
        return value

    def names() -> list[str]:
        """What is there, imported or not."""
        return sorted({*vars(modules[package]), *module_of})

    return get, names
