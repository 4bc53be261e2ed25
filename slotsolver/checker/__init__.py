"""The independent checker: re-derives every rule from problem and plan, or from a domain XML.

It shares no code with the model or the policies, which it would only repeat: facts of the
platforms are all they have in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotsolver.lazy import lazily

if TYPE_CHECKING:
    from slotsolver.checker.domains import check_domain
    from slotsolver.checker.migration import check_migration
    from slotsolver.checker.plans import check_plan, unvouched
    from slotsolver.checker.violation import Stage, Violation
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "slotsolver.checker.domains": ("check_domain",),
            "slotsolver.checker.migration": ("check_migration",),
            "slotsolver.checker.plans": ("check_plan", "unvouched"),
            "slotsolver.checker.violation": ("Stage", "Violation"),
        },
    )

__all__ = ["Stage", "Violation", "check_domain", "check_migration", "check_plan", "unvouched"]
