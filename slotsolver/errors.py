"""The exceptions that may leave slotsolver.

::

    SlotsolverError
    ├── InputError          bad usage or bad input: file, place, rule, what would help (exit code 2)
    │   └── SizeError       a size that cannot be read
    └── DefectError         slotsolver contradicts itself: a bug to report (exit code 1)

"No plan exists" is not an exception but an answer, see :class:`slotsolver.plan.Infeasible`.
"""

from __future__ import annotations


class SlotsolverError(Exception):
    """Base of everything that slotsolver raises on purpose."""


class InputError(SlotsolverError):
    """Bad usage or bad input, told in one line.

    ``source`` names the file (or command-line option), ``place`` the line, XPath or field in it;
    both may be empty. ``message`` states the rule that is broken and, after a semicolon, what
    would help.
    """

    def __init__(self, message: str, *, source: str = "", place: str = "") -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.source = source
        self.place = place

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.place, self.message) if part)

    def at(self, *, source: str = "", place: str = "") -> InputError:
        """The same error with the outer file or place put in front, where it has none yet."""
        joined = "/".join(part for part in (place, self.place) if part)
        return type(self)(self.message, source=self.source or source, place=joined)


class SizeError(InputError, ValueError):
    """A size that cannot be read. A ``ValueError`` too, so that pydantic reports its place."""


class DefectError(SlotsolverError):
    """slotsolver contradicts itself, for example a plan that its own checker refuses.

    ``report`` is a JSON text of the problem (and the plan) that reproduces it.
    """

    def __init__(self, message: str, *, report: str = "") -> None:
        super().__init__(message)
        self.report = report
