"""Host nodes: where the memory of a cell may lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from slotsolver.fields import Ids, format_ids
from slotsolver.policies import Number, Policy, Scope

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel


class HostNodes(Policy):
    """Each cell lies on one of `nodes`; `distinct`: no two cells of a guest on the same node;
    `spread`: the pieces of a cell (boot memory, each DIMM) may lie on different nodes."""

    kind: Literal["host-nodes"] = "host-nodes"
    nodes: Ids | None = None
    distinct: bool = False
    spread: bool = False

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """One more node; cells that may share one."""
        found = [Number("distinct", (False,))] if self.distinct else []
        if self.nodes is not None:
            mine = self.nodes
            more = (tuple(sorted({*mine, node})) for node in scope.nodes if node not in mine)
            found.append(Number("nodes", tuple(more), nested=False))
        return tuple(found)

    def describe(self) -> str:
        """State the rule."""
        parts = []
        if self.nodes is not None:
            parts.append(f"each cell lies on one of the host nodes {format_ids(self.nodes)}")
        if self.distinct:
            parts.append("no two cells of a guest share a host node")
        if self.spread:
            parts.append("the DIMMs of a cell may lie on different host nodes")
        return "; ".join(parts) or "each cell lies on one host node"

    def relaxed(self) -> Self | None:
        """Pieces may still be spread."""
        return self.model_copy(update={"nodes": None, "distinct": False}) if self.spread else None

    def restrict(self, facts: GuestFacts) -> None:
        """Narrow the nodes of the cells."""
        for cell in facts.cells_of(self):
            if self.nodes is not None:
                cell.allow_nodes(self, self.nodes)
            cell.spread = cell.spread or self.spread

    def apply(self, guest: GuestModel) -> None:
        """With `distinct`, at most one of the cells on each node."""
        if not self.distinct:
            return
        for node in guest.host_node_ids:
            guest.add(self, guest.cells_on(node, self.concerned_cells(guest.facts.guest)) <= 1)
