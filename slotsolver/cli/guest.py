"""``slotsolver guest``: what slotsolver reads of a guest."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from slotsolver.cli import arguments
from slotsolver.cli.output import emit, page

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from slotsolver.cli.arguments import Commands
    from slotsolver.problem import Guest


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "guest",
        help="print what is read of a guest",
        description="Print what is read of a guest, with the page sizes and host nodes inferred.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="a libvirt domain XML or a YAML guest; '-': standard input"
    )
    arguments.add_host(parser)
    arguments.add_qmp(parser)
    arguments.add_format(parser, "table", "json", "yaml")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read and print."""
    from slotsolver.errors import InputError
    from slotsolver.ingest.guest import read_guest

    if [options.file, options.host, options.free, *options.qmp].count("-") > 1:
        raise InputError("can be read once only; give the others as files", source="standard input")
    guest = read_guest(options.file, host=arguments.host_of(options), qmp=options.qmp)
    if options.format == "table":
        emit(page(lambda console: _print(guest, console)))
        return 0
    from slotsolver.export.documents import json_text, yaml_text

    guest = guest.model_copy(update={"xml": None})  # what was read, not the document itself
    emit(json_text(guest) if options.format == "json" else yaml_text(guest))
    return 0


def _print(guest: Guest, console: Console) -> None:
    from rich.text import Text

    facts = [guest.machine, "running" if guest.running else "not running"]
    if guest.phys_bits:
        facts.append(f"{guest.phys_bits} physical address bits")
    console.print(Text.assemble((guest.name, "bold"), f"  {', '.join(facts)}"))
    console.print(Text(f"{_sizes(guest)}\n"))
    console.print(_cells(guest))
    for rows, draw in ((guest.devices, _devices), (guest.growth, _growth)):
        if rows:
            console.print()
            console.print(draw(guest))


def _sizes(guest: Guest) -> str:
    from slotsolver.size import format_size

    now, wanted = format_size(guest.size_now), format_size(guest.target_size)
    sizes = f"{wanted} now" if not guest.running or wanted == now else f"{now} now, {wanted} wanted"
    slots = "" if guest.slots is None else f", {guest.slots} slots"
    return f"{sizes}, up to {format_size(guest.maximum_size)}{slots}"


def _cells(guest: Guest) -> Table:
    from slotsolver.cli.tables import table
    from slotsolver.fields import format_ids
    from slotsolver.size import format_size

    made = table("cell", "CPUs", "boot memory", "pages", "host nodes", right=("boot memory",))
    for cell in guest.cells:
        memory = "open" if cell.memory is None else format_size(cell.memory)
        page_size = "open" if cell.page_size is None else format_size(cell.page_size)
        nodes = cell.host_nodes or guest.host_nodes
        where = f"{format_ids(nodes)} ({cell.mode})" if nodes else "open"
        made.add_row(str(cell.id), format_ids(cell.cpus) or "-", memory, page_size, where)
    return made


def _devices(guest: Guest) -> Table:
    from slotsolver.cli.tables import table
    from slotsolver.fields import format_ids
    from slotsolver.size import format_size

    virtio = any(device.model == "virtio-mem" for device in guest.devices)
    moving = ("requested", "current") if virtio else ()
    columns = ("device", "size", *moving, "cell", "slot", "address", "pages", "host nodes")
    made = table(*columns, right=("size", *moving))
    for device in guest.devices:
        sizes = (device.requested, device.current) if moving else ()
        made.add_row(
            f"{device.model} {device.alias}" if device.alias else device.model,
            format_size(device.size),
            *("-" if size is None else format_size(size) for size in sizes),
            "-" if device.cell is None else str(device.cell),
            "-" if device.slot is None else str(device.slot),
            "-" if device.address is None else f"{device.address:#x}",
            "of its cell" if device.page_size is None else format_size(device.page_size),
            "of its cell" if device.host_nodes is None else format_ids(device.host_nodes),
        )
    return made


def _growth(guest: Guest) -> Table:
    """The DIMMs that are planned and not plugged."""
    from slotsolver.cli.tables import table
    from slotsolver.size import format_size

    made = table("planned", "size", "cell", "slot", "address", right=("size",))
    for dimm in guest.growth:
        where = (str(dimm.cell), str(dimm.slot), f"{dimm.address:#x}")
        made.add_row("dimm", format_size(dimm.size), *where)
    return made
