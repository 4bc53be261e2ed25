"""``slotsolver host``: what slotsolver reads of a host."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from slotsolver.cli import arguments
from slotsolver.cli.output import emit, page

if TYPE_CHECKING:
    from rich.console import Console

    from slotsolver.cli.arguments import Commands
    from slotsolver.problem import Host


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "host",
        help="print what is read of a host",
        description="Print what is read of a host: its NUMA nodes, pools and distances.",
    )
    parser.add_argument(
        "source",
        nargs="?",
        default="local",
        metavar="SOURCE",
        help="a capabilities XML, a folder that is a sysfs root, a YAML host, or 'local', which is "
        "the default; '-' is standard input",
    )
    parser.add_argument(
        "--free", metavar="FILE", help="free pages: the output of 'virsh freepages --all'"
    )
    arguments.add_format(parser, "table", "json", "yaml")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read and print."""
    from slotsolver.ingest.host import read_host

    host = read_host(options.source, free=options.free)
    if options.format == "table":
        emit(page(lambda console: _print(host, console)))
        return 0
    from slotsolver.export.documents import json_text, yaml_text

    emit(json_text(host) if options.format == "json" else yaml_text(host))
    return 0


def _print(host: Host, console: Console) -> None:
    from rich.text import Text

    from slotsolver.cli.tables import rough, table
    from slotsolver.fields import format_ids
    from slotsolver.size import format_size

    facts = [f"base page {format_size(host.base_page)}"]
    if host.default_hugepage:
        facts.append(f"default hugepage {format_size(host.default_hugepage)}")
    if host.cpu_vendor:
        facts.append(f"CPU vendor {host.cpu_vendor}")
    if host.phys_bits:
        facts.append(f"{host.phys_bits} physical address bits")
    count = len(host.nodes)
    console.print(Text(f"{count} host node{'s' if count > 1 else ''}; {', '.join(facts)}\n"))

    huge = [size for size in host.page_sizes() if size != host.base_page]
    pools = [f"{format_size(size)} pages free" for size in huge]
    ids = [str(node.id) for node in host.nodes]
    nodes = table("node", "CPUs", "memory", "free", *pools, right=("memory", "free", *pools))
    for node in host.nodes:
        found = (host.pool(node.id, size) for size in huge)
        counts = [f"{pool.free} of {pool.total}" if pool.total else "-" for pool in found]
        sizes = (rough(node.memory), rough(node.free))
        nodes.add_row(str(node.id), format_ids(node.cpus) or "-", *sizes, *counts)
    console.print(nodes)
    if count > 1:
        distances = table("distance", *ids, right=ids)
        for node in host.nodes:
            row = [str(host.distance(node.id, other.id)) for other in host.nodes]
            distances.add_row(str(node.id), *row)
        console.print()
        console.print(distances)
    if not host.free_known:
        console.print(Text("\nThe source tells totals only; everything is taken as free (--free)."))
