"""A plan as a page for the terminal, about 80 columns wide.

Nothing is said by colour alone. Sizes of the guest are exact; those of the host's pools, whose
free memory is seldom a round number, are rounded to a tenth.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from slotsolver.export import wording
from slotsolver.export.layout import Layout
from slotsolver.export.table_parts import backed_by, new_table, print_item, print_pools
from slotsolver.export.table_running import (
    operations,
    print_destinations,
    print_growth,
    target_line,
    virtio_mem,
)
from slotsolver.fields import format_ids
from slotsolver.plan import ObjectiveValue, Plan, PlannedCell, PlannedDimm
from slotsolver.problem import Problem
from slotsolver.size import format_size

_STYLES = {
    "present": "cyan",
    "plug": "green",
    "plugged": "green",
    "unplug": "red",
    "reserved": "yellow",
}
_MANY_STAGES = 5


def render(problem: Problem, plan: Plan, console: Console) -> None:
    """Print a plan: each guest's cells, operations and devices, the host's pools, other hosts, the
    objectives, the notes."""
    for guest in plan.guests:
        _print_guest(plan, Layout.of(problem, plan, guest.name), console)
    if plan.host is not None:
        print_pools(plan.host.nodes, console)
    print_destinations(plan, console)
    _print_objectives(plan, console)
    for note in plan.notes:
        print_item(console, "note", note, "yellow")


def _print_guest(plan: Plan, layout: Layout, console: Console) -> None:
    planned = layout.planned
    console.print(Text.assemble((planned.name, "bold"), f"  {wording.size_line(layout)}"))
    if layout.guest.running:
        console.print(target_line(plan, layout))
    if planned.dimms or planned.virtio_mem:
        between = "\n" if layout.guest.running else "; "
        console.print(Text(f"{wording.slot_use(layout)}{between}{wording.sizes(layout)}"))
    console.print()
    tables = [operations(layout)] if planned.operations else []
    tables.append(_cells(layout))
    tables += [_dimms(layout)] if planned.dimms else []
    tables += [virtio_mem(layout)] if planned.virtio_mem else []
    for table in tables:
        console.print(table)
        console.print()
    print_growth(layout, console)


def _cells(layout: Layout) -> Table:
    """Cells by stages; turned over where there are many stages."""
    stages = layout.planned.stages
    groups = wording.cell_groups(layout.planned)
    names = [stage.name for stage in stages]
    if len(stages) > max(_MANY_STAGES, len(groups)):
        return _stage_rows(layout, groups)
    table = new_table("cell", "pages", "host node", *names, right=names)
    for cells in groups:
        totals = [stage.cells[cells[0].id] for stage in stages]
        each = " each" if len(cells) > 1 else ""
        sizes = [format_size(total) for total in totals]
        table.add_row(format_ids(c.id for c in cells) + each, *backed_by(cells[0]), *sizes)
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
    table = new_table("stage", "all", *names, right=["all", *names])
    for stage in layout.planned.stages:
        sizes = [format_size(stage.cells[cells[0].id]) for cells in groups]
        table.add_row(stage.name, format_size(stage.memory), *sizes)
    return table


def _dimms(layout: Layout) -> Table:
    """DIMMs, equal ones of a cell and stage in one row.

    Where some DIMM has pages or nodes of its own, these take the room of the end addresses.
    """
    own = any(layout.own_page(d) or layout.own_nodes(d) for d in layout.planned.dimms)
    backing = ("pages", "host node") if own else ()
    table = new_table("slots", "dimms", "cell", *backing, "addresses", right=["dimms"])
    table.add_column("state")
    for dimms in wording.dimm_groups(layout.planned):
        first = dimms[0]
        size = f"{len(dimms)} x {format_size(first.size)}"
        addresses = f"from {min(d.address for d in dimms):#x}" if own else wording.addresses(dimms)
        state = Text(wording.state(layout.planned, first), style=_STYLES[first.state])
        backed = backed_by(first) if own else ()
        table.add_row(_slots(dimms), size, str(first.cell), *backed, addresses, state)
    return table


def _slots(dimms: Sequence[PlannedDimm]) -> str:
    text = format_ids(d.slot for d in dimms)
    return text if len(text) <= 11 else f"{dimms[0].slot}, … {dimms[-1].slot}"


def _print_objectives(plan: Plan, console: Console) -> None:
    table = new_table("objective", "value", "")
    table.columns[1].justify = "right"
    for objective in plan.objectives:
        table.add_row(objective.kind, wording.value(objective, objective.value), _proof(objective))
    if plan.objectives:
        console.print(table)
        console.print()
    style = "bold green" if plan.status == "optimal" else "bold yellow"
    line = Text.assemble((wording.verdict(plan), style), f" in {plan.solver.wall_seconds:.2f} s")
    console.print(line, highlight=False)


def _proof(objective: ObjectiveValue) -> Text:
    proven = objective.value == objective.bound
    return Text(wording.proof(objective), style="green" if proven else "yellow")
