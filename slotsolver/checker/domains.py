"""Judging a domain XML in the stages in which libvirt, QEMU and the guest would."""

from __future__ import annotations

from slotsolver.checker.domain_facts import DomainFacts
from slotsolver.checker.guest_os import check_guest, guest_block
from slotsolver.checker.libvirt_backing import check_backing
from slotsolver.checker.libvirt_define import check_define
from slotsolver.checker.libvirt_parse import check_parse
from slotsolver.checker.pools import check_pools
from slotsolver.checker.start import check_start
from slotsolver.checker.start_devices import check_growth, plug_all
from slotsolver.checker.violation import Violation
from slotsolver.ingest.domain import Domain
from slotsolver.platforms import Version
from slotsolver.problem import Host


def check_domain(
    domain: Domain,
    *,
    host: Host | None = None,
    qemu: str = "7.2",
    libvirt: str = "9.0",
    block: int | None = None,
) -> tuple[Violation, ...]:
    """Everything that the domain breaks, in the order of the stages.

    ``host`` adds its nodes and pools to the rules, ``block`` (bytes) overrides the guest OS's
    memory block. What the parser refuses has no later stages; a domain that ``define`` refuses is
    still looked at for its start, less the devices that were refused, as far as sizes and nodes
    are known. Raises :class:`InputError` for a version that cannot be read.
    """
    facts = DomainFacts(domain, host, Version.parse(qemu), Version.parse(libvirt))
    found = list(check_parse(facts))
    if found:
        return tuple(dict.fromkeys(found))
    found += check_define(facts)
    found += check_backing(facts)
    if any(v.rule in MEANINGLESS_AFTER for v in found):
        return tuple(dict.fromkeys(found))
    at_start = list(check_start(facts))
    if any(v.rule.startswith(NO_MACHINE) for v in at_start):
        return tuple(dict.fromkeys([*found, *at_start]))
    found += at_start
    inside, refused, memory = plug_all(facts, frozenset(v.place for v in found))
    found += refused
    if memory is not None:
        found += check_growth(facts, memory)
    found += check_guest(facts, inside, guest_block(facts, block))
    found += check_pools(facts)
    return tuple(dict.fromkeys(found))


NO_MACHINE = ("qemu-1", "qemu-2", "libvirt-A4")
"""Rules without which there is no machine whose device memory could be filled."""

MEANINGLESS_AFTER = (
    "libvirt-M2",
    "libvirt-M3",
    "libvirt-M5",
    "libvirt-M6",
    "libvirt-M7",
    "libvirt-N1",
    "libvirt-S1",
    "libvirt-H1",
)
"""What leaves no sizes, slots or pages of which a start could be judged."""
