"""Shrinkable-to: boot memory, which can never be unplugged, is at most a given size."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.model import GuestModel


class ShrinkableTo(Policy):
    """The guest's boot memory is at most `size`, so that it can shrink that far."""

    kind: Literal["shrinkable-to"] = "shrinkable-to"
    whole_guest: ClassVar[bool] = True
    size: Size

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """More boot memory."""
        return (Number("size", scope.larger(self.size)),)

    def describe(self) -> str:
        """State the rule."""
        return f"boot memory is at most {format_size(self.size)}"

    def most_boot(self, memory: int) -> int:
        """No more than the given size."""
        return min(memory, self.size // MiB)

    def apply(self, guest: GuestModel) -> None:
        """Bound the sum of boot memory."""
        guest.add(self, guest.boot <= self.size // MiB)
