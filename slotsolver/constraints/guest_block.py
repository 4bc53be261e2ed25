"""Guest block: the memory block of the guest OS, where it is known better than by derivation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from slotsolver.errors import InputError
from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts

USUAL_BLOCK = 128 * MiB
"""The smallest that x86 Linux uses (arch/x86/mm/init_64.c:probe_memory_block_size)."""


class GuestBlock(Policy):
    """The guest OS adds memory in blocks of `size`; DIMM sizes and addresses are multiples."""

    kind: Literal["guest-block"] = "guest-block"
    whole_guest: ClassVar[bool] = True
    size: Size

    @model_validator(mode="after")
    def _power(self) -> Self:
        if self.size < MiB or self.size & (self.size - 1):
            raise ValueError(f"a memory block is a power of two of at least 1 MiB, not {self.size}")
        return self

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - a fact of the guest OS
        """Smaller blocks."""
        smaller = (self.size >> n for n in range(1, self.size.bit_length()))
        return (Number("size", tuple(size for size in smaller if size >= 2 * MiB)),)

    def describe(self) -> str:
        """State the rule."""
        return f"the guest's memory block is {format_size(self.size)}"

    def relaxed(self) -> Self:
        """A small block; without the policy it may be as large again."""
        return self.model_copy(update={"size": min(self.size, USUAL_BLOCK)})

    def restrict(self, facts: GuestFacts) -> None:
        """Replace the derived block."""
        others = {p.size for p in facts.policies if isinstance(p, GuestBlock)}
        if len(others) > 1:
            names = " and ".join(format_size(size) for size in sorted(others))
            raise InputError(
                f"guest {facts.guest.name}: policies guest-block ask for {names}; keep one of them"
            )
        facts.blocks = (self.size // MiB,)
