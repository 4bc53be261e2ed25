"""``slotsolver plan``: solve a problem and print the plan, or why there is none."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from slotsolver.cli import arguments
from slotsolver.cli.answer import EXIT_CODES, add_output, answer

if TYPE_CHECKING:
    from slotsolver.cli.arguments import Commands

_EPILOG = f"""\
VALUE of --policy (and --objective) is the first field of the kind's own, or field:value,
separated by commas:
  --policy step=512MiB              --policy relative-step=1/8,at_least:1GiB
  --policy slots=32                 --policy sizes=1GiB,2GiB
  --policy page-size=2MiB,cells:0   --policy headroom=pages:4,page_size:2MiB
`slotsolver schema problem` lists every kind with its fields.

{EXIT_CODES}"""


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "plan",
        help="find the best memory slot layout of a problem",
        description="Find the best memory slot layout, proven, or say why there is none.",
        epilog=_EPILOG,
    )
    parser.add_argument("problem", nargs="?", metavar="PROBLEM.yaml", help="'-': standard input")
    arguments.add_guests(parser)
    arguments.add_hosts(parser)
    parser.add_argument("--target", type=arguments.size, metavar="SIZE", help="wanted size now")
    parser.add_argument("--maximum", type=arguments.size, metavar="SIZE", help="largest size")
    parser.add_argument("--guest-name", metavar="NAME", help="the guest meant, of several")
    arguments.add_wishes(parser)
    arguments.add_versions(parser)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Solve, write, print."""
    from slotsolver.cli.inputs import problem_of

    problem, source = problem_of(options)
    return answer(problem, source, options)
