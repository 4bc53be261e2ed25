"""VMCAP: how many equal guests fit, in closed form.

Source: arXiv 2604.15033 (Huawei, 2026). A guest has so many cells, each takes one unit of a host
node of its own.
"""

from __future__ import annotations

from collections.abc import Sequence


def capacity(units: Sequence[int], cells: int) -> int:
    """How many guests of so many cells fit on nodes that hold as many ``units``: the fewest that
    all nodes but the r largest could pay for, if those r paid for one cell of each guest."""
    left = sorted(units, reverse=True)
    return min(sum(left[r:]) // (cells - r) for r in range(cells))
