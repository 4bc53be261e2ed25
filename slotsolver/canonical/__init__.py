"""The normal form of a problem: problems that are the same but for names and plenty have one key.

A study makes each scenario of a host and of wishes (guests, policies, objectives, versions). What
can be computed for each of them once is in :class:`HostForm` and :class:`WishForm`; :func:`normal`
puts two of these together. :func:`problem_of` is the problem that is solved for all that have the
key, :func:`restored`, :func:`restored_reasons` and :func:`told` bring its answer back.

The form never says that two problems are the same that are not. That it misses some costs time.
"""

from __future__ import annotations

from slotsolver.canonical.back import restored, restored_reasons, told
from slotsolver.canonical.hosts import HostForm, of_host
from slotsolver.canonical.normal import Normal, canonical, normal, problem_of
from slotsolver.canonical.wishes import WishForm, of_wishes

__all__ = [
    "HostForm",
    "Normal",
    "WishForm",
    "canonical",
    "normal",
    "of_host",
    "of_wishes",
    "problem_of",
    "restored",
    "restored_reasons",
    "told",
]
