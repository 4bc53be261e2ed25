"""The words that rules and remedies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotsolver.facts import GuestFacts
from slotsolver.fields import format_ids
from slotsolver.policies import Policy
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, MiB, format_size


def wanted_text(guest: Guest) -> str:
    """The target of a guest, of each cell where cells have targets."""
    if isinstance(guest.target, dict):
        return _cells_text(guest.target)
    return format_size(guest.target)


def has_text(guest: Guest) -> str:
    """What a guest has, said as its target is."""
    if isinstance(guest.target, dict):
        return _cells_text(guest.cells_now)
    return format_size(guest.size_now)


def _cells_text(sizes: Mapping[int, int]) -> str:
    return ", ".join(f"{format_size(size)} in cell {cell}" for cell, size in sorted(sizes.items()))


def whom(problem: Problem, policy: Policy) -> str:
    """Which guests and cells a policy means, in brackets: nothing of one about the host."""
    guests = [guest.name for guest in problem.guests if policy.concerns(guest)]
    if policy.kind == "headroom":
        return ""
    several = policy.guests is None and len(guests) > 1
    found = "every guest" if several else f"guest {', '.join(guests)}"
    if policy.cells is not None:
        found += f", cells {format_ids(policy.cells)}"
    if getattr(policy, "distinct", False) and problem.host is not None:
        nodes = len(problem.host.nodes)
        found += f"; the host has {nodes} node{'s' if nodes > 1 else ''}"
        if without := problem.host.without_cpus:
            found += f", {format_ids(without)} without CPUs and so without huge pages"
    return f" ({found}{_no_huge_pages(problem, policy)})"


def _no_huge_pages(problem: Problem, policy: Policy) -> str:
    """Where no huge pages can be had, if the policy asks for them."""
    host, size = problem.host, getattr(policy, "size", None)
    if host is None or not host.without_cpus or policy.kind != "page-size":
        return ""
    if size == host.base_page:
        return ""
    return f"; none on host node {format_ids(host.without_cpus)}, which has no CPUs"


def bits_of(problem: Problem, facts: GuestFacts) -> int:
    """The fewest physical address bits that a guest has on any host: its own, where it takes the
    host's CPU the host's, else what its machine type has."""
    guest = facts.guest
    usual = guest.phys_bits or facts.platform.default_phys_bits
    if guest.phys_bits is not None or not guest.host_passthrough:
        return usual
    hosts = [host for host in (problem.host, *problem.also_hosts) if host is not None]
    return min((host.phys_bits for host in hosts if host.phys_bits), default=usual)


def value_text(policy: Policy, field: str, value: Any) -> str:
    """A value of a policy's field as it is written in YAML."""
    written = str(type(policy).__annotations__.get(field, ""))
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if "Size" in written and isinstance(value, int):
        return format_size(value)
    if "Size" in written:
        return ", ".join(format_size(size) for size in value)
    if "Ids" in written:
        return format_ids(value)
    return ":".join(map(str, value)) if isinstance(value, tuple) else str(value)


def virsh_size(size: int) -> str:
    """A page size as virsh takes it: ``2M``, ``1G`` (tools/vsh.c:vshCommandOptScaledInt)."""
    for unit, letter in ((GiB, "G"), (MiB, "M")):
        if size % unit == 0:
            return f"{size // unit}{letter}"
    return f"{size // 1024}K"
