"""What the page for the terminal says of a running guest: how far it comes, what is to be done and
in which order, what is left of its growth; also virtio-mem devices, and hosts to migrate to."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from slotsolver.export import wording
from slotsolver.export.layout import Layout
from slotsolver.export.table_parts import backed_by, new_table, print_item, print_pools
from slotsolver.fields import format_ids
from slotsolver.plan import (
    Destination,
    Operation,
    Plan,
    PlannedCell,
    PlannedDimm,
    PlannedVirtioMem,
)
from slotsolver.size import format_size

_STYLES = {"unplug": "red", "plug": "green", "resize": "cyan"}
_DEPARTURES = 8
"""The most departures from planned growth that are listed."""


def target_line(plan: Plan, layout: Layout) -> Text:
    """Whether the target is met, or by how much it is missed and in which direction."""
    if missed := wording.target_missed(plan, layout):
        return Text(missed, style="yellow")
    return Text(wording.target_met(layout))


def operations(layout: Layout) -> Table:
    """What is to be done, in order, and the guest's size after each."""
    table = new_table("", "do", "device", "cell", "size", "address", "pages", "node", "guest then")
    for column in (0, 4, 8):
        table.columns[column].justify = "right"
    table.columns[2].overflow = "fold"
    table.columns[2].no_wrap = False
    for number, operation in enumerate(layout.planned.operations, 1):
        device, size = _device(layout, operation), format_size(operation.size)
        slot = operation.slot is not None
        table.add_row(
            str(number),
            Text(operation.do, style=_STYLES[operation.do]),
            f"slot {operation.slot}" if slot else operation.device,
            str(operation.cell),
            size if slot else f"to {size}",
            f"{device.address:#x}",
            *backed_by(device),
            format_size(operation.memory),
        )
    return table


def _device(layout: Layout, operation: Operation) -> PlannedDimm | PlannedVirtioMem:
    """What an operation is about."""
    if operation.do != "resize":
        return layout.dimm(operation)
    return next(v for v in layout.planned.virtio_mem if v.number == operation.number)


def virtio_mem(layout: Layout) -> Table:
    """virtio-mem devices: what was requested of them, what is now, and what will be at the
    maximum."""
    devices = layout.planned.virtio_mem
    before = ("before",) if any(v.before is not None for v in devices) else ()
    sizes = ("size", "block", *before, "now", "maximum")
    table = new_table("virtio-mem", "cell", *sizes, "address", right=sizes)
    table.columns[0].overflow = "fold"
    table.columns[0].no_wrap = False
    for device in devices:
        requested = [device.before or 0] if before else []
        requested += [device.requested, device.stages[-1]]
        table.add_row(
            device.alias or f"virtiomem{device.number}",
            str(device.cell),
            format_size(device.size),
            format_size(device.block),
            *(format_size(size) for size in requested),
            f"{device.address:#x}",
        )
    return table


def print_growth(layout: Layout, console: Console) -> None:
    """What of the growth cannot be reached any more, and where the plan leaves what was planned;
    nothing where there is nothing to say."""
    planned = layout.planned
    found: list[tuple[str, str]] = []
    if says := wording.growth_left(planned):
        found.append(("growth", says))
    found += [("not as planned", says) for says in planned.departures[:_DEPARTURES]]
    more = len(planned.departures) - _DEPARTURES
    if more > 0:
        found.append(("not as planned", f"{more} more"))
    for head, says in found:
        print_item(console, head, says, "yellow")
    if found:
        console.print()


def print_destinations(plan: Plan, console: Console) -> None:
    """Hosts to migrate to: where the guests' cells lie there, and what they take of the pools."""
    for destination in plan.destinations:
        number = Text(f"destination {destination.host + 1}", style="bold")
        console.print(number.append(", a host to migrate to", "not bold"))
        console.print()
        console.print(_places(destination))
        console.print()
        print_pools(destination.use.nodes, console)


def _places(destination: Destination) -> Table:
    """The cells of every guest on another host, those that lie alike in one row."""
    several = len(destination.guests) > 1
    table = new_table(*(["guest"] if several else []), "cell", "pages", "host node")
    for guest in destination.guests:
        for cells in _alike(guest.cells):
            name = [guest.name] if several else []
            table.add_row(*name, format_ids(c.id for c in cells), *backed_by(cells[0]))
    return table


def _alike(cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
    groups: dict[tuple[object, ...], list[PlannedCell]] = {}
    for cell in cells:
        groups.setdefault((cell.page_size, cell.host_nodes), []).append(cell)
    return list(groups.values())
