"""Policies and running guests: lines of YAML that a plan made by hand keeps, and that it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.size import GiB
from tests.checker.running import (
    DEVICES,
    HALF,
    VIRTIO,
    Case,
    grow,
    lowered,
    planned_virtio,
    raised,
    shrink,
    swap,
)

GROW, SHRINK, SWAP = grow(), shrink(), swap()
RAISED, LOWERED, NEW = raised(), lowered(), planned_virtio()
PLAIN = SWAP.posed(policies=[])

ABOVE = GROW.asked(target=19 * HALF // 2).planned(wanted=19 * HALF // 2)
BELOW = GROW.asked(target=21 * HALF // 2).planned(wanted=21 * HALF // 2)
"""The growing guest that misses its target by 256 MiB."""

Lines = list[tuple[Case, str, dict[str, Any]]]

KEPT: Lines = [
    (GROW, "accept", {"distance": "exact"}),
    (GROW, "accept", {"distance": "below"}),
    (GROW, "accept", {"distance": "above"}),
    (ABOVE, "accept", {"distance": "above"}),
    (ABOVE, "accept", {"distance": "nearest"}),
    (BELOW, "accept", {"distance": "below"}),
    (BELOW, "accept", {"distance": "nearest"}),
    (GROW, "keep", {}),
    (SHRINK, "keep", {"slots": [1, 3]}),
    (SHRINK, "keep", {"cells": [1]}),
    (SHRINK, "keep", {"slots": [0], "cells": [1]}),
    (LOWERED, "keep", {"slots": [0]}),
    (LOWERED, "keep", {"cells": [0]}),
    (NEW, "keep", {}),
    (GROW, "unplug-order", {"order": "smallest"}),
    (SHRINK, "unplug-order", {"order": "lowest-slot"}),
    (SHRINK, "unplug-order", {"order": "largest"}),
    (SHRINK, "unplug-order", {"order": [0]}),
    (SHRINK, "unplug-order", {"order": [0, 3]}),
    (SHRINK, "unplug-order", {"order": "highest-slot", "cells": [0]}),
    (SWAP, "unplug-order", {"order": "smallest"}),
    (SWAP, "unplug-order", {"order": "highest-slot"}),
    (SWAP, "unplug-order", {"order": [1]}),
    (SWAP, "unplug-order", {"order": [3, 1, 0]}),
    (GROW, "max-operations", {"count": 2}),
    (LOWERED, "max-operations", {"count": 2}),
    (GROW, "no-swap", {}),
    (SHRINK, "no-swap", {}),
    (GROW, "swap", {}),
    (GROW, "add-only", {}),
    (RAISED, "add-only", {}),
    (SHRINK, "add-only", {"cells": [1]}),
    (GROW, "guest-free", {"size": "16 MiB"}),
    (SHRINK, "guest-free", {"size": "1025 MiB"}),
    (SWAP, "guest-free", {"size": "1040 MiB"}),
    (RAISED, "guest-free", {"size": "16 MiB"}),
    (GROW, "per-step", {"size": "1 GiB"}),
    (SHRINK, "per-step", {"size": "4 GiB"}),
    (SHRINK, "per-step", {"size": "128 MiB", "cells": [1]}),
    (LOWERED, "per-step", {"size": "256 MiB", "cells": [1]}),
    (NEW, "per-step", {"size": "128 MiB"}),
    (GROW, "device", {"use": "dimm"}),
    (GROW, "device", {"use": "either"}),
    (RAISED, "device", {"use": "either"}),
    (RAISED, "device", {"use": "dimm", "cells": [0]}),
    (RAISED, "device", {"use": "virtio-mem", "cells": [1]}),
    (RAISED, "device", {"use": "either", "block": "4 MiB"}),
    (NEW, "device", {"use": "virtio-mem", "cells": [1]}),
    (GROW, "step", {"size": "1 GiB"}),
    (SHRINK, "step", {"size": "512 MiB", "cells": [1]}),
    (GROW, "exact", {"size": "512 MiB"}),
    (GROW, "sizes", {"allowed": ["512 MiB", "1 GiB"]}),
    (SWAP, "sizes", {"uniform": True, "minimum": "1 GiB"}),
    (RAISED, "relative-step", {"ratio": "1/4"}),
    (GROW, "waypoints", {"sizes": ["6 GiB"]}),
    (GROW, "waypoints", {"sizes": ["4 GiB", "4.5 GiB"]}),
    (GROW, "slots", {"exactly": 8}),
    (RAISED, "slots", {"at_most": 4}),
    (RAISED, "memslots", {"limit": 6}),
    (NEW, "memslots", {"limit": 5}),
    (GROW, "memmap", {"free": "16 MiB"}),
    (SWAP, "balance", {}),
    (GROW, "balance", {"tolerance": "512 MiB"}),
    (SWAP, "headroom", {"page_size": "2 MiB", "pages": 4096}),
    (SHRINK, "headroom", {"page_size": "2 MiB", "pages": 4096}),
    (SWAP, "reserve", {"until": "maximum"}),
    (SHRINK, "reserve", {"until": "target"}),
    (GROW, "shrinkable-to", {"size": "2 GiB"}),
    (GROW, "page-size", {"size": "2 MiB"}),
    (GROW, "host-nodes", {"nodes": "0-1", "distinct": True}),
]

BROKEN: Lines = [
    (ABOVE, "accept", {"distance": "exact"}),
    (ABOVE, "accept", {"distance": "below"}),
    (BELOW, "accept", {"distance": "above"}),
    (SHRINK, "keep", {}),
    (SHRINK, "keep", {"slots": [0]}),
    (SHRINK, "keep", {"cells": [0]}),
    (LOWERED, "keep", {}),
    (LOWERED, "keep", {"cells": [1]}),
    (SHRINK, "unplug-order", {"order": "highest-slot"}),
    (SHRINK, "unplug-order", {"order": "smallest"}),
    (SHRINK, "unplug-order", {"order": [1]}),
    (SHRINK, "unplug-order", {"order": [3, 0]}),
    (SWAP, "unplug-order", {"order": "largest"}),
    (SWAP, "unplug-order", {"order": "lowest-slot"}),
    (SWAP, "unplug-order", {"order": [1, 0]}),
    (GROW, "max-operations", {"count": 1}),
    (LOWERED, "max-operations", {"count": 1}),
    (PLAIN, "no-swap", {}),
    (PLAIN, "add-only", {}),
    (SHRINK, "add-only", {}),
    (LOWERED, "add-only", {}),
    (GROW, "guest-free", {"size": "15 MiB"}),
    (SHRINK, "guest-free", {"size": "1 GiB"}),
    (SWAP, "guest-free", {"size": "1039 MiB"}),
    (LOWERED, "guest-free", {"size": "512 MiB"}),
    (RAISED, "guest-free", {"size": "15 MiB"}),
    (GROW, "per-step", {"size": "1023 MiB"}),
    (SHRINK, "per-step", {"size": "3 GiB"}),
    (SWAP, "per-step", {"size": "511 MiB"}),
    (RAISED, "per-step", {"size": "511 MiB", "cells": [1]}),
    (RAISED, "device", {"use": "dimm"}),
    (RAISED, "device", {"use": "virtio-mem"}),
    (NEW, "device", {"use": "dimm"}),
    (NEW, "device", {"use": "virtio-mem"}),
    (NEW, "device", {"use": "either", "block": "4 MiB"}),
    (SHRINK, "step", {"size": "2 GiB"}),
    (GROW, "exact", {"size": "256 MiB"}),
    (SHRINK, "sizes", {"uniform": True}),
    (RAISED, "relative-step", {"ratio": "1/5"}),
    (GROW, "waypoints", {"sizes": ["6.5 GiB"]}),
    (GROW, "slots", {"at_most": 7}),
    (RAISED, "slots", {"at_most": 3}),
    (RAISED, "memslots", {"limit": 5}),
    (NEW, "memslots", {"limit": 4}),
    (GROW, "memmap", {"free": "15 MiB"}),
    (GROW, "balance", {}),
    (SHRINK, "balance", {}),
    (SWAP, "headroom", {"page_size": "2 MiB", "pages": 4097}),
    (GROW, "shrinkable-to", {"size": "1 GiB"}),
    (GROW, "page-size", {"size": "4 KiB"}),
    (GROW, "host-nodes", {"nodes": "0"}),
]


@pytest.mark.parametrize(("case", "kind", "fields"), KEPT, ids=str)
def test_a_policy_that_is_kept(case: Case, kind: str, fields: dict[str, Any]) -> None:
    """The plan keeps the policy."""
    assert case.rules({"kind": kind, **fields}) == set()


@pytest.mark.parametrize(("case", "kind", "fields"), BROKEN, ids=str)
def test_a_policy_that_is_broken(case: Case, kind: str, fields: dict[str, Any]) -> None:
    """The plan breaks the policy, and the rule reported is the policy's kind."""
    assert kind in case.rules({"kind": kind, **fields})


def test_a_guest_cannot_both_swap_and_not() -> None:
    """Such a problem is refused before; a plan for it would break one of the two."""
    assert {"swap", "no-swap"} <= SWAP.rules({"kind": "no-swap"})


def test_what_stays_anyway_is_in_no_order() -> None:
    """DIMMs that are kept, or too large for one step, do not have to go before others."""
    order = {"kind": "unplug-order", "order": "highest-slot"}
    assert "unplug-order" in SHRINK.rules(order)
    assert SHRINK.rules(order, {"kind": "keep", "slots": [1, 3]}) == set()
    assert "unplug-order" in SHRINK.rules(order, {"kind": "keep", "slots": [1]})
    largest = {"kind": "unplug-order", "order": "largest"}
    assert "unplug-order" in SWAP.rules(largest)
    assert SWAP.rules(largest, {"kind": "per-step", "size": "512 MiB", "cells": [0]}) == set()


def test_the_last_word_on_distance_counts() -> None:
    """Of several policies ``accept`` for a guest the last one holds."""
    exact, above = ({"kind": "accept", "distance": d} for d in ("exact", "above"))
    assert ABOVE.rules(exact, above) == set()
    assert ABOVE.rules(above, exact) == {"accept"}


def test_relative_step_counts_virtio_mem_that_is_there() -> None:
    """A DIMM of 1 GiB is a fourth of a cell that has 4 GiB by virtio-mem, once it has them."""
    device = {**VIRTIO, "cell": 0}
    case = LOWERED.asked(devices=[DEVICES[0], device]).part("virtio_mem", 0, cell=0)
    ratio = {"kind": "relative-step", "ratio": "2/5"}
    assert "relative-step" not in case.rules(ratio)
    assert "relative-step" in case.rules({**ratio, "ratio": "1/3"})


def test_stages_before_the_target_need_no_balance() -> None:
    """What a guest has for a moment is nobody's wish: the swap leaves its cells 2 and 1 GiB."""
    assert SWAP.plan.guests[0].stages[0].cells == (2 * GiB, GiB)
    assert SWAP.rules({"kind": "balance", "tolerance": 0}) == set()
    assert "balance" in SHRINK.rules({"kind": "balance", "tolerance": "1 GiB"})


def test_growth_is_reserved_from_what_is_free_and_given_back() -> None:
    """The shrunken guest's 2560 pages of growth fit into 2048 that are free and 512 that return."""

    def free(pages: int) -> Case:
        pool = {"total": 4096, "free": pages}
        node = {"memory": 48 * GiB, "free": 40 * GiB, "pages": {"2 MiB": pool}}
        return SHRINK.posed(host={"nodes": [{"id": n, **node} for n in (0, 1)]})

    until = {"kind": "reserve", "until": "maximum"}
    for pages, short in ((2048, False), (2047, True)):
        found = free(pages).rules(until)
        assert ({"reserve", "host-pages"} <= found) == short
        assert ("reserve" in found) == short
