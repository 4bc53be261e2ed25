"""A plan, or the reason why there is none, as a page for the terminal, about 80 columns wide.

Nothing is said by colour alone. Sizes of the guest are exact; those of the host's pools, whose
free memory is seldom a round number, are rounded to a tenth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slotsolver.export.layout import Layout
from slotsolver.fields import format_ids
from slotsolver.plan import (
    Infeasible,
    NodeUse,
    ObjectiveValue,
    Plan,
    PlannedCell,
    PlannedDimm,
    PoolUse,
)
from slotsolver.problem import Problem
from slotsolver.size import format_size

_STYLES = {
    "present": "cyan",
    "plug": "green",
    "plugged": "green",
    "unplug": "red",
    "reserved": "yellow",
}
_BAR = 20
_MANY_STAGES = 5


def render(problem: Problem, plan: Plan, console: Console) -> None:
    """Print a plan: each guest's cells and DIMMs, the host's pools, the objectives, the notes."""
    for guest in plan.guests:
        _print_guest(Layout.of(problem, plan, guest.name), console)
    if plan.host is not None:
        _print_pools(plan.host.nodes, console)
    _print_objectives(plan, console)
    for note in plan.notes:
        _print_item(console, "note", note, "yellow")


def render_infeasible(answer: Infeasible, console: Console) -> None:
    """Print why there is no plan and what would help."""
    console.print(Text("No plan exists; that is proven.", style="bold red"))
    console.print("\nThese rules contradict each other; without any one of them there is a plan:")
    for conflict in answer.conflict:
        _print_item(console, conflict.rule, conflict.says, "red")
    if answer.remedies:
        console.print("\nEach of these changes alone makes it possible:")
    for remedy in answer.remedies:
        change = f"{remedy.change} {remedy.from_} → {remedy.to}".strip()
        _print_item(console, change, remedy.says, "green")


def _print_item(console: Console, head: str, says: str, style: str) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(" •", Text.assemble((f"{head}: ", style), says))
    console.print(grid)


def _print_guest(layout: Layout, console: Console) -> None:
    planned = layout.planned
    line = f"  {format_size(planned.memory)}"
    if planned.maximum > planned.memory:
        line += f" now, up to {format_size(planned.maximum)}"
    console.print(Text.assemble((planned.name, "bold"), line))
    if planned.dimms:
        console.print(
            Text(f"{_slot_use(layout)}; largest DIMM {format_size(planned.step)}"), end=""
        )
        console.print(Text(f"; guest block {format_size(planned.block)}"))
    console.print()
    for table in [_cells(layout), *([_dimms(layout)] if planned.dimms else [])]:
        console.print(table)
        console.print()


def _slot_use(layout: Layout) -> str:
    """``16 slots: 4 plugged, 12 reserved``; a device that is no DIMM may take a slot as well."""
    others = sum(d.takes_slot for d in layout.guest.devices if d.model != "dimm")
    plugged, reserved = len(layout.plugged) + others, len(layout.reserved)
    free = layout.planned.slots - plugged - reserved
    counts = [(plugged, "plugged"), (reserved, "reserved"), (free, "free")]
    used = ", ".join(f"{count} {word}" for count, word in counts if count > 0)
    return f"{layout.planned.slots} slots: {used}"


def _table(*columns: str, right: Iterable[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", collapse_padding=True)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table


def _cells(layout: Layout) -> Table:
    """Cells by stages; turned over where there are many stages."""
    stages = layout.planned.stages
    groups = _cell_groups(layout)
    names = [stage.name for stage in stages]
    if len(stages) > max(_MANY_STAGES, len(groups)):
        return _stage_rows(layout, groups)
    table = _table("cell", "pages", "host node", *names, right=names)
    for cells in groups:
        totals = [stage.cells[cells[0].id] for stage in stages]
        each = " each" if len(cells) > 1 else ""
        sizes = [format_size(total) for total in totals]
        table.add_row(format_ids(c.id for c in cells) + each, *_backing(cells[0]), *sizes)
    if len(layout.planned.cells) > 1:
        totals = [stage.memory for stage in stages]
        sizes = [format_size(total) for total in totals]
        table.add_section()
        table.add_row("all", "", "", *sizes, style="bold")
    return table


def _stage_rows(layout: Layout, groups: Sequence[Sequence[PlannedCell]]) -> Table:
    names = []
    for cells in groups:
        each = " each" if len(cells) > 1 else ""
        nodes = f", node {format_ids(cells[0].host_nodes)}" if cells[0].host_nodes else ""
        names.append(
            f"cell {format_ids(c.id for c in cells)}{each}\n"
            f"{format_size(cells[0].page_size)}{nodes}"
        )
    table = _table("stage", "all", *names, right=["all", *names])
    for stage in layout.planned.stages:
        sizes = [format_size(stage.cells[cells[0].id]) for cells in groups]
        table.add_row(stage.name, format_size(stage.memory), *sizes)
    return table


def _cell_groups(layout: Layout) -> list[list[PlannedCell]]:
    """Neighbouring cells that are alike in everything that is shown."""
    groups: dict[tuple[object, ...], list[PlannedCell]] = {}
    for cell in layout.planned.cells:
        totals = tuple(stage.cells[cell.id] for stage in layout.planned.stages)
        groups.setdefault((cell.page_size, cell.host_nodes, totals), []).append(cell)
    return list(groups.values())


def _backing(piece: PlannedCell | PlannedDimm) -> tuple[str, str]:
    return format_size(piece.page_size), format_ids(piece.host_nodes) or "-"


def _dimms(layout: Layout) -> Table:
    """DIMMs, equal ones of a cell and stage in one row.

    Where some DIMM has pages or nodes of its own, these take the room of the end addresses.
    """
    groups: dict[tuple[object, ...], list[PlannedDimm]] = {}
    for dimm in sorted(layout.planned.dimms, key=lambda d: (d.stage, d.slot)):
        key = (dimm.state, dimm.stage, dimm.cell, dimm.size, dimm.page_size, dimm.host_nodes)
        groups.setdefault(key, []).append(dimm)
    own = any(layout.own_page(d) or layout.own_nodes(d) for d in layout.planned.dimms)
    backing = ("pages", "host node") if own else ()
    table = _table("slots", "dimms", "cell", *backing, "addresses", right=["dimms"])
    table.add_column("state")
    for dimms in groups.values():
        first = dimms[0]
        size = f"{len(dimms)} x {format_size(first.size)}"
        addresses = f"from {min(d.address for d in dimms):#x}" if own else _addresses(dimms)
        state = Text(_state(layout, first), style=_STYLES[first.state])
        backed = _backing(first) if own else ()
        table.add_row(_slots(dimms), size, str(first.cell), *backed, addresses, state)
    return table


def _slots(dimms: Sequence[PlannedDimm]) -> str:
    text = format_ids(d.slot for d in dimms)
    return text if len(text) <= 11 else f"{dimms[0].slot}, … {dimms[-1].slot}"


def _addresses(dimms: Sequence[PlannedDimm]) -> str:
    """The range that the DIMMs fill; marked where others lie in between."""
    start, end = min(d.address for d in dimms), max(d.address + d.size for d in dimms)
    gaps = end - start != sum(d.size for d in dimms)
    return f"{start:#x} {'…' if gaps else '-'} {end - 1:#x}"


def _state(layout: Layout, dimm: PlannedDimm) -> str:
    if dimm.state == "reserved" and dimm.stage < len(layout.planned.stages):
        return f"reserved for {layout.planned.stages[dimm.stage].name}"
    return dimm.state


def _print_pools(nodes: Sequence[NodeUse], console: Console) -> None:
    """The pools that the plan touches: in use before, taken, promised, free; others are counted."""
    names = ("free before", "taken", "promised", "free after")
    table = _table("node", "pool", *names, "", right=names)
    untouched = 0
    for node in nodes:
        for pool in node.pools:
            taken = pool.free_before - pool.free_after
            if not (taken or pool.promised):
                untouched += pool.total > 0
                continue
            free = [_rough(n * pool.page_size) for n in (pool.free_before, pool.free_after)]
            counts = [str(count or "-") for count in (taken, pool.promised)]
            row = [str(node.id), format_size(pool.page_size), free[0], *counts, free[1]]
            table.add_row(*row, _bar(pool))
    if table.row_count:
        console.print(table)
        console.print(" █ used before  ▓ taken now  ▒ promised to growth  ░ free   (in pages)")
    if untouched:
        plural = "s" if untouched > 1 else ""
        console.print(f" {untouched} other pool{plural} not touched", highlight=False)
    console.print()


def _rough(size: int) -> str:
    value, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def _bar(pool: PoolUse) -> Text:
    """The pool in :data:`_BAR` marks; a part that is not empty shows at least one."""
    parts = [
        ("█", pool.total - pool.free_before, "dim"),
        ("▓", pool.free_before - pool.free_after, "green"),
        ("▒", pool.promised, "yellow"),
    ]
    text = Text()
    for mark, pages, style in parts:
        width = max(round(pages * _BAR / pool.total), 1 if pages > 0 else 0)
        text.append(mark * min(width, _BAR - len(text)), style)
    return text.append("░" * (_BAR - len(text)), "dim")


def _print_objectives(plan: Plan, console: Console) -> None:
    table = _table("objective", "value", "")
    table.columns[1].justify = "right"
    for objective in plan.objectives:
        table.add_row(objective.kind, _value(objective, objective.value), _proof(objective))
    if plan.objectives:
        console.print(table)
        console.print()
    word, style = ("optimal, proven", "bold green")
    if plan.status == "feasible":
        word, style = ("feasible, not proven to be the best", "bold yellow")
    line = Text.assemble((word, style), f" in {plan.solver.wall_seconds:.2f} s")
    console.print(line, highlight=False)


def _value(objective: ObjectiveValue, value: int) -> str:
    if objective.unit == "bytes":
        return format_size(value)
    return f"{value} {objective.unit}".strip()


def _proof(objective: ObjectiveValue) -> Text:
    if objective.value == objective.bound:
        return Text("proven", style="green")
    return Text(f"not proven; at least {_value(objective, objective.bound)}", style="yellow")
