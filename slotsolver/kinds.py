"""The registry: which kinds of policies and objectives there are, and how one is read.

Slotsolver's own are the modules of a package, each called as its kind is; others come by entry
points, or are defined in the same process. A class that cannot be a kind is refused with what it
lacks. One of slotsolver's kinds is looked up by its name, which imports no other kind and reads no
entry points.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationInfo

from slotsolver.entry_points import Origin, loaded, told
from slotsolver.errors import InputError, SlotsolverError
from slotsolver.fields import Model, nearest


class Declared(Model):
    """Something known by its ``kind``."""

    kind: str
    registry_package: ClassVar[str]
    entry_group: ClassVar[str]
    examples: ClassVar[tuple[str, ...]] = ()
    """Lines of YAML for the catalogue; those of slotsolver's own kinds stand there."""

    def describe(self) -> str:
        """One sentence that says what it is, with its numbers."""
        raise NotImplementedError


_KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

Kind = TypeVar("Kind", bound=Declared)


class KindError(InputError, ValueError):
    """An :class:`InputError` that pydantic reports with its place."""


class RuleError(InputError):
    """A rule that is not slotsolver's own fails; nothing is wrong with the input itself."""


def kind_of(cls: type[Declared]) -> str:
    """The ``kind`` a class is known by: the default of its field of that name."""
    return str(cls.model_fields["kind"].default)


def is_built_in(cls: type[Declared]) -> bool:
    """Whether a kind is one of slotsolver's own."""
    return cls.__module__.startswith(f"{cls.registry_package}.")


@dataclass(frozen=True)
class _Known:
    """A class of the registry and where it comes from; ``None``: from slotsolver."""

    cls: type[Declared]
    origin: Origin | None = None


@cache
def _known(base: type[Declared]) -> Mapping[str, _Known]:
    """Every kind: those of slotsolver, then those of other distributions."""
    found = {kind: _Known(cls) for kind, cls in _built_in(base).items()}
    for origin, thing in loaded(base.entry_group):
        for cls in _classes_of(base, thing, origin):
            if fault := _fault(cls, base) or _no_text(cls):
                raise origin.error(f"{cls.__name__} {fault}")
            other = found.setdefault(kind_of(cls), _Known(cls, origin))
            if other.cls is not cls:
                whose = f"by {other.origin.distribution}" if other.origin else "by slotsolver"
                raise origin.error(f"the kind {kind_of(cls)!r} is taken {whose}; choose another")
    return dict(sorted(found.items()))


@cache
def _built_in(base: type[Declared]) -> Mapping[str, type[Declared]]:
    package = importlib.import_module(base.registry_package)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return {kind_of(cls): cls for cls in _subclasses(base) if is_built_in(cls) and _has_kind(cls)}


@lru_cache(maxsize=256)  # whatever is written in files is asked for
def _own(base: type[Kind], kind: str) -> type[Kind] | None:
    """The class of one of slotsolver's kinds."""
    if not _KIND.fullmatch(kind):
        return None
    name = f"{base.registry_package}.{kind.replace('-', '_')}"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    here = (cls for cls in _subclasses(base) if cls.__module__ == name and _has_kind(cls))
    return next((cls for cls in here if kind_of(cls) == kind), None)


def _subclasses(base: type[Kind]) -> Iterator[type[Kind]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _subclasses(cls)


def _has_kind(cls: type[Declared]) -> bool:
    return not cls.model_fields["kind"].is_required()


def _classes_of(base: type[Declared], thing: Any, origin: Origin) -> Iterator[type[Declared]]:
    """The classes that an entry point stands for: itself, or those that its module holds."""
    if isinstance(thing, type) and issubclass(thing, base):
        yield thing
        return
    found = vars(thing).values() if isinstance(thing, ModuleType) else ()
    kinds = [cls for cls in found if isinstance(cls, type) and issubclass(cls, base)]
    kinds = [cls for cls in kinds if _has_kind(cls) and not is_built_in(cls)]
    if not kinds:
        wanted = f"{base.__module__}.{base.__name__}"
        raise origin.error(f"is no subclass of {wanted} and no module that defines one")
    yield from kinds


def _fault(cls: type[Declared], base: type[Declared]) -> str:
    """What a class lacks that is to be a kind; empty if nothing."""
    if not _has_kind(cls):
        return 'has no kind; write for example kind: Literal["my-rule"] = "my-rule"'
    if not _KIND.fullmatch(kind_of(cls)):
        return f"has the kind {kind_of(cls)!r}; write it in lower case with hyphens, as my-rule"
    if cls.describe in (Declared.describe, base.describe):
        return "has no describe(), the sentence that states the rule with its numbers"
    return ""


def _no_text(cls: type[Declared]) -> str:
    """What a class lacks for the catalogue."""
    if (vars(cls).get("__doc__") or "").strip():
        return ""
    return "has no docstring, the text that the catalogue shows"


@cache
def registry(base: type[Declared]) -> Mapping[str, type[Declared]]:
    """Every class of a base by its kind, sorted: slotsolver's own and those that entry points
    bring. :class:`InputError` names an entry point that cannot be used."""
    return {kind: known.cls for kind, known in _known(base).items()}


def find(base: type[Kind], kind: str) -> type[Kind] | None:
    """The class of a kind; one that is not known may have been defined in this process (the last
    one of that kind is meant: notebooks define them again)."""
    if own := _own(base, kind):
        return own
    if kind in registry(base):
        return registry(base)[kind]  # type: ignore[return-value]  # of base
    here = [cls for cls in _subclasses(base) if _has_kind(cls) and kind_of(cls) == kind]
    return here[-1] if here else None


def origin_of(cls: type[Declared]) -> Origin | None:
    """The entry point that brought a kind; ``None`` of those that came without."""
    base = next(c for c in cls.__mro__ if "registry_package" in vars(c))
    known = _known(base).get(kind_of(cls))
    return known.origin if known and known.cls is cls else None


@contextmanager
def answered_for(rule: Declared, step: str) -> Iterator[None]:
    """Whatever goes wrong in a method of a rule that is not slotsolver's own is told as its fault:
    :class:`RuleError` with the rule, its method and the place in its code."""
    try:
        yield
    except SlotsolverError:
        raise
    except Exception as error:
        if is_built_in(type(rule)):
            raise
        message = f"its {step} fails: {told(error)}"
        raise RuleError(message, source=f"{rule.kind} of {type(rule).__module__}") from error


def read(value: Any, info: ValidationInfo, base: type[Kind], word: str) -> Kind:
    """Read a ``word`` (policy, objective) from its mapping or its bare kind; objects of a class of
    that ``base`` are taken as they are."""
    if isinstance(value, base):
        _refuse_unsound(value, base, word)
        return value
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise KindError(f"{word} needs `kind`, for example {{kind: {next(iter(registry(base)))}}}")
    kind = value["kind"]
    cls = find(base, kind)
    if cls is None:
        raise KindError(f"unknown {word} {kind!r}; {nearest(kind, registry(base))}")
    for name in value:
        if name not in cls.model_fields:
            hint = nearest(str(name), cls.model_fields)
            raise KindError(f"{word} {kind} has no field {name!r}; {hint}")
    return cls.model_validate(value, context=info.context)


def _refuse_unsound(value: Declared, base: type[Declared], word: str) -> None:
    """Refuse an object of a class that cannot be a kind, or is called as one of slotsolver's."""
    cls = type(value)
    if is_built_in(cls):
        return
    if fault := _fault(cls, base):
        raise KindError(f"{word} {cls.__name__} {fault}")
    own = _own(base, value.kind)
    if own is not None and not issubclass(cls, own):
        raise KindError(f"{word} {cls.__name__}: the kind {value.kind!r} is taken by slotsolver")
