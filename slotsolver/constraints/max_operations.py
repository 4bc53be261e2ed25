"""Max operations: how much is done to a running guest at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from slotsolver.policies import Number, Policy, Scope

if TYPE_CHECKING:
    from slotsolver.model import GuestModel

MOST_MORE = 1024
"""More operations than any two sizes of a guest are apart."""


class MaxOperations(Policy):
    """At most `count` operations for each running guest: every DIMM that goes or comes is one, and
    every step of a virtio-mem device."""

    kind: Literal["max-operations"] = "max-operations"
    whole_guest: ClassVar[bool] = True
    count: int = Field(ge=0)

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - a count
        """More operations."""
        return (Number("count", range(self.count + 1, self.count + MOST_MORE)),)

    def describe(self) -> str:
        """State the rule."""
        return f"at most {self.count} operations are done"

    def apply(self, guest: GuestModel) -> None:
        """Count what is done now."""
        if guest.running:
            guest.add(self, guest.running.operations <= self.count)
