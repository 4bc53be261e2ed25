"""How tables look, and sizes that are seldom round."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table with a line below its heading."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def rough(size: int) -> str:
    """Bytes to a tenth of the largest unit that fits: ``15.6 GiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.1f}".removesuffix(".0") + f" {unit}"
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + " TiB"
