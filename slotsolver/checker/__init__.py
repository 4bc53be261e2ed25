"""The independent checker: re-derives every rule from problem and plan, or from a domain XML.

It shares no code with the model or the policies, which it would only repeat: facts of the
platforms are all they have in common.
"""

from slotsolver.checker.domains import check_domain
from slotsolver.checker.migration import check_migration
from slotsolver.checker.plans import check_plan, unvouched
from slotsolver.checker.violation import Stage, Violation

__all__ = ["Stage", "Violation", "check_domain", "check_migration", "check_plan", "unvouched"]
