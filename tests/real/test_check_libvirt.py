"""The checker's texts and stages are those that a real libvirt prints.

Each bad domain is defined, and started where ``define`` takes it. What libvirt says must be one of
the checker's violations, word for word, in a stage that fits: ``define`` also runs the parser.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from slotsolver.checker import check_domain
from slotsolver.checker.domain_facts import DomainFacts
from slotsolver.checker.start_devices import assigned, plug_all
from slotsolver.platforms import Version
from slotsolver.problem import Host, Pool
from slotsolver.size import GiB, MiB
from tests.checker.bad_domains import MAXIMUM, REFUSED_AT_START, REFUSED_BY_DEFINE, devices
from tests.checker.domains import GOOD, at, dimm, domain
from tests.real.libvirtd import Libvirtd, LibvirtError, running

HOST = Host.model_validate(
    {
        "nodes": [
            {
                "id": 0,
                "memory": 64 * GiB,
                "free": 40 * GiB,
                "pages": {"2 MiB": {"total": 8192}, "1 GiB": {"total": 8}},
            }
        ],
        "default_hugepage": 2 * MiB,
    }
)
"""One node with every page size that the private libvirtd has mounted, and pages enough."""


UNSTEADY = frozenset({"distance below 10", "local distance", "distance to nowhere"})
"""libvirt 9.0 corrupts memory where it refuses a distance: of 685 tries of the first 14 printed the
message cut short, 7 printed none, and one ended the daemon; of the second one was cut short too.
They get daemons of their own, and a few tries."""


@pytest.mark.parametrize("name", sorted(REFUSED_BY_DEFINE.keys() - UNSTEADY))
def test_define_refuses_with_our_text(libvirtd: Libvirtd, name: str) -> None:
    """libvirt's ``define`` says what the checker says for its parser or its ``define``."""
    assert refusal_of(libvirtd, REFUSED_BY_DEFINE[name]) in our_texts(REFUSED_BY_DEFINE[name])


@pytest.mark.usefixtures("libvirtd")
@pytest.mark.parametrize("name", sorted(UNSTEADY))
def test_define_refuses_a_distance_with_our_text(name: str) -> None:
    """The same for the domains on which libvirt 9.0 itself is unsteady."""
    xml = REFUSED_BY_DEFINE[name]
    printed = []
    while not set(printed) & set(our_texts(xml)) and len(printed) < 5:
        with running() as daemon:
            printed.append(refusal_of(daemon, xml))
    assert printed[-1] in our_texts(xml)


def refusal_of(libvirtd: Libvirtd, xml: str) -> str:
    """What libvirt prints when it refuses to define a domain."""
    with pytest.raises(LibvirtError) as refusal:
        libvirtd.define(xml)
    return str(refusal.value).partition("error: ")[2]


def our_texts(xml: str) -> list[str]:
    """What the checker says of a domain for libvirt's parser and its ``define``."""
    found = check_domain(domain(xml), host=HOST)
    return [v.says for v in found if v.stage in ("parse", "define")]


@pytest.mark.parametrize("name", REFUSED_AT_START)
def test_start_refuses_with_our_text(libvirtd: Libvirtd, name: str) -> None:
    """``define`` takes it, the start ends with a text that the checker has for the start."""
    xml = REFUSED_AT_START[name]
    libvirtd.define(xml)
    with pytest.raises(LibvirtError) as refusal:
        libvirtd.start_paused("checked")
    violations = check_domain(domain(xml), host=HOST)
    assert [v for v in violations if v.stage in ("parse", "define")] == []
    assert any(str(refusal.value).endswith(v.says) for v in violations if v.stage == "start"), (
        f"{refusal.value}\n{violations}"
    )


def test_what_starts_has_no_violation(libvirtd: Libvirtd) -> None:
    """The good domain starts, and neither its XML nor what libvirt makes of it breaks a rule."""
    libvirtd.define(GOOD)
    libvirtd.start_paused("checked")
    assert check_domain(domain(GOOD), host=HOST) == ()
    assert check_domain(domain(libvirtd.dumpxml("checked")), host=HOST) == ()


def test_first_fit_gives_the_addresses_of_the_live_domain(libvirtd: Libvirtd) -> None:
    """Devices without addresses come to lie where the checker's replay puts them."""
    xml = devices(
        dimm(130), dimm(128, 1, address=at(0, (1 << 32) + 512 * MiB)), dimm(256), dimm(64, 1)
    )
    facts = DomainFacts(domain(xml), HOST, Version(7, 2), Version(9, 0))
    inside, refused, _ = plug_all(facts, frozenset())
    libvirtd.define(xml)
    libvirtd.start_paused("checked")
    live = domain(libvirtd.dumpxml("checked")).devices
    assert refused == []
    assert [plugged.address for plugged in inside] == [device.base for device in live]
    assert [slot for _, slot in assigned(domain(xml))] == [device.slot for device in live]


def test_a_pool_that_is_too_small(libvirtd: Libvirtd) -> None:
    """A DIMM on more hugepages than any pool here has is refused with the checker's host text."""
    poor = HOST.nodes[0].model_copy(update={"pools": (Pool(page_size=2 * MiB, total=0, free=0),)})
    source = "<source><pagesize unit='MiB'>2</pagesize></source>"
    xml = devices(dimm(128 * 1024, source=source), maximum=MAXIMUM.replace(">8<", ">256<"))
    libvirtd.define(xml)
    with pytest.raises(LibvirtError) as refusal:
        libvirtd.start_paused("checked")
    violations = check_domain(domain(xml), host=HOST.model_copy(update={"nodes": (poor,)}))
    (shortage,) = [v for v in violations if v.rule == "host-pages"]
    assert shortage.says.endswith(str(refusal.value).rpartition("qemu-system-x86_64: ")[2])


def test_dimms_are_whole_pages(libvirtd: Libvirtd, hugepages: ModuleType) -> None:
    """A DIMM of one and a half pages is mapped, and then refused with the checker's text."""
    assert hugepages is not None
    xml = devices(dimm(1536, source="<source><pagesize unit='GiB'>1</pagesize></source>"))
    libvirtd.define(xml)
    with pytest.raises(LibvirtError) as refusal:
        libvirtd.start_paused("checked")
    (violation,) = [v for v in check_domain(domain(xml), host=HOST) if v.stage == "start"]
    assert str(refusal.value).endswith(violation.says)
