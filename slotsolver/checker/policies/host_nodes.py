"""`host-nodes`: on which host nodes the cells meant lie."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from slotsolver.checker.pieces import Piece
from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.fields import format_ids


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Each piece is within `nodes`, cells differ where `distinct`, and only `spread` splits
    a cell over nodes."""
    if plan.problem.host is None:
        return
    for guest, cells in plan.concerned(policy):
        pieces = [p for p in guest.pieces if p.cell in cells and not (p.taken or p.given)]
        if policy.nodes is not None:
            yield from _inside(policy.nodes, pieces)
        if policy.distinct:
            yield from _distinct(guest, cells)


def _inside(nodes: tuple[int, ...], pieces: list[Piece]) -> Iterator[Violation]:
    for piece in pieces:
        if not piece.nodes or not set(piece.nodes) <= set(nodes):
            says = (
                f"is on host nodes {format_ids(piece.nodes) or 'none'}, wanted is one of "
                f"{format_ids(nodes)}"
            )
            yield Violation("host-nodes", "policy", f"{piece.place} {says}", piece.place)


def _distinct(guest: GuestSubject, cells: tuple[int, ...]) -> Iterator[Violation]:
    on: dict[int, set[int]] = {cell: set() for cell in cells}
    for piece in guest.pieces:
        if piece.cell in on and not piece.given:
            on[piece.cell].update(piece.nodes)
    for one, other in combinations(cells, 2):
        if shared := on[one] & on[other]:
            says = f"cells {one} and {other} are both on host node {format_ids(shared)}"
            yield Violation("host-nodes", "policy", says, guest.place)
