"""The columns of a study's results."""

from __future__ import annotations

FIRST_COLUMNS = (
    "status",
    "slots_taken",
    "largest_dimm",
    "imbalance",
    "pages_taken",
    "nodes_used",
    "memory_now",
    "maxmem",
    "fits",
    "fits_at_most",
    "fits_stopped_by",
    "finest_step",
    "fewest_slots",
    "smallest_pools",
    "smallest_pools_taken",
    "conflict",
    "remedy",
    "says",
)
"""Columns in the order in which people look at them; the others follow by their names."""

NUMBERS = {
    "plan": FIRST_COLUMNS[1:8],
    "fits": ("fits", "fits_at_most"),
    "finest-step": ("finest_step", "finest_step_at_least"),
    "fewest-slots": ("fewest_slots", "fewest_slots_at_least"),
    "smallest-pools": ("smallest_pools", "smallest_pools_at_least"),
}
"""Columns with numbers that the results of a question have, whatever was answered."""

SCENARIO, SECONDS = "scenario", "seconds"
"""The first column and the last one."""

PLANNED = ("optimal", "feasible")
"""Statuses of scenarios that have a plan."""

FRONT = ("slots_taken", "largest_dimm", "imbalance", "pages_taken")
"""What a Pareto front is about; of each the less the better."""

SIZES = ("largest_dimm", "imbalance", "memory_now", "maxmem", "finest_step")
"""Columns in bytes."""


def is_taken(name: str) -> bool:
    """Whether an axis cannot have this name, because an answer's column may."""
    name = name.lower()  # columns that differ in case only are one
    return name in (*FIRST_COLUMNS, SCENARIO, SECONDS) or name.endswith(
        ("_value", "_bound", "_at_least", "_status", "_says", "_conflict", "_remedy")
    )
