"""What the pages for the terminal are put together from: tables, lists, the bars of pools."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slotsolver.export.wording import rough
from slotsolver.fields import format_ids
from slotsolver.plan import NodeUse, PlannedCell, PlannedDimm, PlannedVirtioMem, PoolUse
from slotsolver.size import format_size

BAR = 20
"""Marks in the bar of a pool."""

_LEGEND = " █ used before  ▓ taken now  ▒ promised to growth  ░ free   (in pages)"
_RETURNED = " █ used before  ▞ given back  ▓ taken now  ▒ promised  ░ free   (in pages)"


def new_table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table with a line below its heading; nothing in it is broken into lines."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", collapse_padding=True)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table


def print_item(console: Console, head: str, says: str, style: str) -> None:
    """Print an entry of a list with a heading of its own; long ones go on below their text."""
    print_entry(console, Text.assemble((f"{head}: ", style), says))


def print_entry(console: Console, says: str | Text) -> None:
    """Print an entry of a list; long ones go on below their text."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(" •", Text(says) if isinstance(says, str) else says)
    console.print(grid)


def backed_by(piece: PlannedCell | PlannedDimm | PlannedVirtioMem) -> tuple[str, str]:
    """Page size and host nodes of something."""
    return format_size(piece.page_size), format_ids(piece.host_nodes) or "-"


def print_pools(nodes: Sequence[NodeUse], console: Console) -> None:
    """The pools that the plan touches: in use before, taken, promised, free; others are counted."""
    names = ("free before", "taken", "promised", "free after")
    table = new_table("node", "pool", *names, "", right=names)
    untouched, returned = 0, False
    for node in nodes:
        for pool in node.pools:
            taken = pool.free_before - pool.free_after
            if not (taken or pool.promised):
                untouched += pool.total > 0
                continue
            returned = returned or taken < 0
            free = [rough(n * pool.page_size) for n in (pool.free_before, pool.free_after)]
            counts = [str(count or "-") for count in (taken, pool.promised)]
            row = [str(node.id), format_size(pool.page_size), free[0], *counts, free[1]]
            table.add_row(*row, pool_bar(pool))
    if table.row_count:
        console.print(table)
        console.print(_RETURNED if returned else _LEGEND, highlight=False)
    if untouched:
        plural = "s" if untouched > 1 else ""
        console.print(f" {untouched} other pool{plural} not touched", highlight=False)
    console.print()


def pool_bar(pool: PoolUse) -> Text:
    """The pool in :data:`BAR` marks; a part that is not empty shows at least one."""
    before, after = pool.free_before, pool.free_after
    parts = [
        ("█", pool.total - max(before, after), "dim"),
        ("▞", after - before, "green"),
        ("▓", before - after, "green"),
    ]
    left = pool.total - sum(max(0, pages) for _, pages, _ in parts)
    parts.append(("▒", min(pool.promised, max(left, 1)), "yellow"))
    widths = [max(round(n * BAR / pool.total), 1 if n > 0 else 0) for _, n, _ in parts]
    while sum(widths) > BAR:
        widths[widths.index(max(widths))] -= 1
    text = Text()
    for (mark, _, style), width in zip(parts, widths, strict=True):
        text.append(mark * width, style)
    return text.append("░" * (BAR - len(text)), "dim")
