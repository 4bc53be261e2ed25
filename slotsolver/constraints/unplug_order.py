"""Unplug order: which DIMMs of a running guest go first.

A DIMM goes only if all that come before it in the order go too.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from slotsolver.policies import Policy
from slotsolver.running import Order, Plugged

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class UnplugOrder(Policy):
    """DIMMs are unplugged from the `highest-slot` or `lowest-slot` on, the `largest` or `smallest`
    first (equal ones in any order), or those in a list of slots first, in its order."""

    kind: Literal["unplug-order"] = "unplug-order"
    order: Literal["highest-slot", "lowest-slot", "largest", "smallest"] | tuple[int, ...]

    @field_validator("order")
    @classmethod
    def _each_once(cls, order: str | tuple[int, ...]) -> str | tuple[int, ...]:
        if isinstance(order, tuple) and (not order or len(set(order)) != len(order)):
            raise ValueError("name at least one slot, and each slot once")
        return order

    @property
    def named_slots(self) -> tuple[int, ...]:
        """The slots of a list."""
        return self.order if isinstance(self.order, tuple) else ()

    def describe(self) -> str:
        """State the rule."""
        if isinstance(self.order, tuple):
            return f"the DIMMs in slots {', '.join(map(str, self.order))} are unplugged first"
        return f"the {self.order.replace('-', ' ')} is unplugged first"

    def restrict(self, facts: GuestFacts) -> None:
        """An order for every policy; its groups are made when it is known what may go."""
        if facts.running is not None:
            facts.running.order_policies.append(self)

    def groups(self, facts: GuestFacts) -> Order:
        """The DIMMs of its cells that may go, in groups."""
        running = facts.running
        assert running is not None  # noqa: S101 - asked for running guests only
        dimms = running.removable_in(self.concerned_cells(facts.guest))
        ranked = sorted(dimms, key=self.rank)
        grouped = groupby(ranked, key=self.rank)
        return Order(tuple(tuple(d.index for d in group) for _, group in grouped))

    def rank(self, dimm: Plugged) -> int:
        """Less goes first."""
        if isinstance(self.order, tuple):
            return self.order.index(dimm.slot) if dimm.slot in self.order else len(self.order)
        keys = {"highest-slot": -dimm.slot, "lowest-slot": dimm.slot, "largest": -dimm.size}
        return keys.get(self.order, dimm.size)
