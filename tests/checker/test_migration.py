"""What may not differ between a running guest and its target, in libvirt's words and order."""

from __future__ import annotations

import pytest

from slotsolver.checker import Violation, check_domain, check_migration
from slotsolver.errors import InputError
from slotsolver.problem import Host
from slotsolver.size import GiB
from tests.checker.domains import GOOD, domain
from tests.checker.migration_faults import SEVERAL
from tests.checker.migrations import (
    FREE,
    INVALID,
    REFUSED,
    RUNNING,
    VIRTIO_MEM,
    device,
    moved,
    tuned,
)

CONFIG = "unsupported configuration: "


def judged(target: str, source: str = RUNNING, **how: object) -> tuple[Violation, ...]:
    """What the checker says of a target of the running guest."""
    return check_migration(domain(source), domain(target), **how)  # type: ignore[arg-type]  # keywords as they come


def texts(target: str, source: str = RUNNING, **how: object) -> list[str]:
    """The same, texts only."""
    return [violation.says for violation in judged(target, source, **how)]


@pytest.mark.parametrize("name", REFUSED)
def test_differences(name: str) -> None:
    """A change is told with all that it leads to, first what libvirt notices first."""
    replacements, said = REFUSED[name]
    found = judged(moved(replacements))
    assert [v.says for v in found if v.stage == "migration"] == [CONFIG + text for text in said]


@pytest.mark.parametrize("name", INVALID)
def test_own_faults_come_first(name: str) -> None:
    """What is no domain at all is refused before anything is compared."""
    replacements, said = INVALID[name]
    assert texts(moved(replacements))[0] == said


@pytest.mark.parametrize("name", SEVERAL)
def test_of_several_faults_the_first_is_told_first(name: str) -> None:
    """Libvirt stops at the first one; what it would stop at is said first."""
    replacements, said = SEVERAL[name]
    assert texts(moved(replacements))[0] == said


@pytest.mark.parametrize("libvirt", ["9.0", "9.4", "9.8", "12.0"])
@pytest.mark.parametrize("name", FREE)
def test_what_may_differ(name: str, libvirt: str) -> None:
    """Pages and host nodes may differ, and what means the same may be written differently."""
    assert texts(moved(FREE[name]), libvirt=libvirt) == []


def test_places() -> None:
    """A difference is placed in the target, by element, cell or device, with its line."""
    changes = (*REFUSED["memory moved between cells"][0], ("slot='3'", "slot='5'"))
    places = [violation.place for violation in judged(moved(changes))]
    assert places == ["cell 0 (line 16)", "cell 1 (line 22)", "dimm slot 5 (line 42)"]


def test_current_memory_says_when_it_matters() -> None:
    """A live migration takes the source's current memory, only a restore compares it."""
    (violation,) = judged(moved(REFUSED["less current memory"][0]))
    assert violation.place.endswith("(line 5), compared by virsh restore, not by virsh migrate")


ADDRESS = "<address base='{}'/></target>"


@pytest.mark.parametrize(
    ("libvirt", "there", "here", "said"),
    [
        ("9.3", "0x150000000", "0x160000000", None),
        ("9.4", "0x150000000", "0x150000000", None),
        ("9.4", "0x150000000", "0x160000000", ("0x160000000", "0x150000000")),
        ("12.0", "0x150000000", "0", ("0x0", "0x150000000")),
    ],
)
def test_virtio_mem_address(libvirt: str, there: str, here: str, said: tuple[str, ...]) -> None:
    """From 9.4 on libvirt knows where a virtio-mem lies, and compares that."""
    source, target = (
        moved((device(VIRTIO_MEM, "</target>", ADDRESS.format(base)),)) for base in (there, here)
    )
    expected = "Target memory device address '{}' doesn't match source memory device address '{}'"
    found = [v.says for v in judged(target, source, libvirt=libvirt) if v.stage == "migration"]
    assert found == ([CONFIG + expected.format(*said)] if said else [])


@pytest.mark.parametrize("lacking", [" base='0x140000000'", "<address type='dimm' slot='0' "])
def test_source_lacks_an_address(lacking: str) -> None:
    """A DIMM without slot or base in the source is told, first and once; the target has both."""
    source = moved(((lacking, "<address type='none' " if "<" in lacking else ""),))
    first, *others = judged(moved((("0x148000000", "0x150000000"),)), source)
    assert first.says == (
        "Requested operation is not valid: domain's dimm info lacks slot ID or base address"
    )
    assert first.place.startswith("source dimm ")
    assert [v.says for v in others] == [CONFIG + text for text in REFUSED["another base"][1]]


def test_source_that_is_no_domain() -> None:
    """A source that libvirt could not have is bad input, not a violation."""
    with pytest.raises(InputError, match=r"source of the migration: cell 1 .*overlapping.*dumpxml"):
        judged(RUNNING, moved(INVALID["overlapping cpus"][0]))


def test_no_growth_at_all() -> None:
    """Guests without maxMemory, cells and devices are compared as well."""
    simple = "<domain type='kvm'><name>x</name><memory unit='MiB'>{}</memory></domain>"
    assert texts(simple.format(512), simple.format(512)) == []
    assert texts(simple.format(512), simple.format(1024))[:1] == [
        f"{CONFIG}Target domain max memory 524288 does not match source 1048576"
    ]


def test_the_destination_host_counts() -> None:
    """Host nodes and free pages of the destination are judged, also for a live XML."""
    node = {"id": 0, "memory": 64 * GiB, "pages": {"2 MiB": {"total": 8}}}
    host = Host.model_validate({"nodes": [node]})
    bound = moved(tuned("<memory mode='strict' nodeset='3'/>"))
    (absent,) = judged(bound, host=host)
    assert (absent.stage, absent.rule) == ("start", "libvirt-H10")
    paged = moved(FREE["a DIMM on larger pages"]).replace("type='qemu'", "type='qemu' id='7'")
    (short,) = judged(paged, host=host)
    assert (short.stage, short.rule) == ("host", "host-pages")
    assert judged(RUNNING, host=host) == ()


def test_a_guest_is_not_judged_again() -> None:
    """What its kernel thinks of a DIMM does not keep a guest from migrating."""
    odd = GOOD.replace(">128<", ">100<").replace("0x108000000", "0x106400000")
    odd = odd.replace("<memory unit='MiB'>768", "<memory unit='MiB'>712")
    assert {violation.stage for violation in check_domain(domain(odd))} == {"guest"}
    assert texts(odd, odd) == []


def test_a_live_source_does_not_say_which_cpu_it_was_asked_for() -> None:
    """Its CPU is what QEMU has made of that: nothing is compared with it."""
    live = moved((("type='qemu'", "type='qemu' id='7'"), ("check='none'", "check='full'")))
    assert texts(RUNNING, live) == []
    assert texts(moved(REFUSED["another CPU"][0]), live) == []
    assert texts(moved((("check='none'", "check='full'"),))) == [
        f"{CONFIG}Target CPU check full does not match source none"
    ]
