"""Problems that are answered without a search, because closed forms meet bounds.

Most problems of every day are: one guest or some, no devices yet, the usual order of objectives.
Whatever is not decided here is left to CP-SAT, which :mod:`slotsolver.solver` asks then; the two
are tested against each other.
"""

from slotsolver.direct.answer import answer
from slotsolver.direct.refuted import refuted

__all__ = ["answer", "refuted"]
