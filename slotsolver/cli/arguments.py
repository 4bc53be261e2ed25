"""Arguments that commands share, and a parser whose errors are one line like all others."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from slotsolver.errors import InputError

if TYPE_CHECKING:
    from slotsolver.problem import Host

    Commands = argparse._SubParsersAction["Parser"]  # argparse has no public name for it


class Parser(argparse.ArgumentParser):
    """Raises :class:`InputError` instead of printing its usage; takes no abbreviations."""

    def __init__(self, **options: object) -> None:
        options = {"formatter_class": argparse.RawDescriptionHelpFormatter, **options}
        super().__init__(**options, allow_abbrev=False)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """One line with what is wrong and where the help is."""
        raise InputError(f"{message}; see '{self.prog} --help'")


def add_format(parser: Parser, *formats: str) -> None:
    """Add ``--format``; the first one is the default."""
    parser.add_argument(
        "--format",
        type=_one_of(formats),
        default=formats[0],
        metavar="FORMAT",
        help=f"{', '.join(formats)}; default: {formats[0]}",
    )


def add_host(parser: Parser) -> None:
    """Add ``--host`` and ``--free``."""
    parser.add_argument(
        "--host",
        metavar="SOURCE",
        help="a capabilities XML, a folder that is a sysfs root, a YAML host, or 'local'",
    )
    parser.add_argument(
        "--free", metavar="FILE", help="free pages: the output of 'virsh freepages --all'"
    )


def add_versions(parser: Parser) -> None:
    """Add ``--qemu`` and ``--libvirt``."""
    parser.add_argument("--qemu", metavar="VERSION", help="QEMU version; default: 7.2")
    parser.add_argument("--libvirt", metavar="VERSION", help="libvirt version; default: 9.0")


def add_guests(parser: Parser) -> None:
    """Add ``--guest`` and ``--qmp``."""
    parser.add_argument(
        "--guest",
        action="append",
        default=[],
        metavar="FILE",
        help="a libvirt domain XML or a YAML guest; may be given several times",
    )
    add_qmp(parser)


def add_qmp(parser: Parser) -> None:
    """Add ``--qmp``."""
    parser.add_argument(
        "--qmp",
        action="append",
        default=[],
        metavar="FILE",
        help="what QEMU answers to query-memory-devices (also query-memory-size-summary and "
        "query-memdev) of the guest, which then is running; may be given several times",
    )


def add_hosts(parser: Parser) -> None:
    """Add ``--host``, ``--free`` and ``--also-host``."""
    add_host(parser)
    parser.add_argument(
        "--also-host",
        action="append",
        default=[],
        metavar="SOURCE",
        help="a host that the guests may migrate to, so that the plan must fit there too; may be "
        "given several times",
    )


def add_wishes(parser: Parser) -> None:
    """Add policies and objectives."""
    parser.add_argument("--step", metavar="SIZE", help="short for --policy step=SIZE")
    parser.add_argument("--slots", metavar="N", help="at most N; short for --policy slots=N")
    parser.add_argument(
        "--accept",
        metavar="exact|below|above|nearest",
        help="the size that a running guest may have instead; short for --policy accept=…",
    )
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="KIND[=VALUE]",
        help="a policy; replaces those of this kind in the file; may be given several times",
    )
    parser.add_argument(
        "--objective",
        action="append",
        default=[],
        metavar="KIND",
        help="what to minimise, the first one first; replaces the file's list",
    )


def host_of(arguments: argparse.Namespace) -> Host | None:
    """The host that ``--host`` and ``--free`` give, if they do."""
    from slotsolver.ingest.host import read_host

    if arguments.host is None:
        if arguments.free is not None:
            raise InputError("needs --host, whose free pages it tells", source="--free")
        return None
    return read_host(arguments.host, free=arguments.free)


def also_hosts_of(arguments: argparse.Namespace) -> tuple[Host, ...]:
    """The hosts that ``--also-host`` gives, in their order."""
    from slotsolver.ingest.host import read_host

    return tuple(read_host(source) for source in arguments.also_host)


def cell_size(text: str) -> tuple[int, int]:
    """A cell's id and its size of more than 0, for ``type=``."""
    cell, equals, wanted = text.partition("=")
    if not (equals and cell.isascii() and cell.isdigit() and len(cell) < 6):
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=SIZE; write for example 1=4GiB")
    return int(cell), size(wanted)


def size(text: str) -> int:
    """A size of more than 0, for ``type=``."""
    from slotsolver.size import parse_size  # here, because it brings pydantic

    try:
        value = parse_size(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(error.message) from None
    if not value:
        raise argparse.ArgumentTypeError(f"size {text!r} must be more than 0")
    return value


def seconds(text: str) -> float:
    """A time of more than 0, for ``type=``."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds of more than 0")
    return value


def _one_of(formats: tuple[str, ...]) -> Callable[[str], str]:
    def choose(text: str) -> str:
        if text in formats:
            return text
        known = f"choose from {', '.join(formats)}"
        raise argparse.ArgumentTypeError(f"{text!r} is not a format; {known}")

    return choose
