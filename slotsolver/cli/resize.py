"""``slotsolver resize``: what to plug and unplug so that a running guest has another size."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from slotsolver.cli import arguments
from slotsolver.cli.answer import EXIT_CODES, add_output, answer

if TYPE_CHECKING:
    from slotsolver.cli.arguments import Commands

_EPILOG = f"""\
The size is met exactly, or there is no plan; --accept takes the nearest one instead. Policies for
running guests are written as for `slotsolver plan`:
  --policy keep=0,3                 --policy unplug-order=highest-slot
  --policy max-operations=4         --policy per-step=1GiB
  --policy swap                     --policy add-only
  --policy guest-free=900MiB        --policy device=virtio-mem
Several guests on one host are a problem: `slotsolver plan PROBLEM.yaml`.

{EXIT_CODES}"""


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "resize",
        help="find what to plug and unplug so that a running guest has another size",
        description="Find the operations that give a running guest another size, proven to be the "
        "best ones, or say why there are none.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--guest",
        action="append",
        default=[],
        metavar="FILE",
        help="the live XML of a running domain (virsh dumpxml), or a YAML guest that is running; "
        "'-': standard input",
    )
    arguments.add_qmp(parser)
    arguments.add_hosts(parser)
    parser.add_argument("--to", type=arguments.size, metavar="SIZE", help="wanted size")
    parser.add_argument(
        "--cell",
        type=arguments.cell_size,
        action="append",
        default=[],
        metavar="ID=SIZE",
        help="wanted size of a cell; the others keep what they have; may be given several times",
    )
    arguments.add_wishes(parser)
    arguments.add_versions(parser)
    add_output(parser)
    parser.set_defaults(run=run, guest_name=None)


def run(options: argparse.Namespace) -> int:
    """Solve, write, print."""
    from slotsolver.cli.inputs import resize_of

    problem, source = resize_of(options)
    return answer(problem, source, options)
