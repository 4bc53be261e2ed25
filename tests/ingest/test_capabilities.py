"""Hosts from ``virsh capabilities`` and ``virsh freepages``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slotsolver.errors import InputError
from slotsolver.ingest.capabilities import apply_free, read_capabilities
from slotsolver.ingest.host import read_host
from slotsolver.problem import Pool
from slotsolver.size import GiB, KiB, MiB

DATA = Path(__file__).parents[1] / "data" / "ingest"
CAPABILITIES = (DATA / "capabilities.xml").read_text()


def test_capabilities_tell_totals_and_everything_is_free() -> None:
    """Nodes with gaps, without CPUs and without memory are read; what is free is not known."""
    host = read_host(str(DATA / "capabilities.xml"))
    assert not host.free_known
    assert (host.base_page, host.cpu_vendor, host.phys_bits) == (4 * KiB, "amd", 48)
    assert [(n.id, n.cpus, n.memory // GiB, n.free // GiB) for n in host.nodes] == [
        (0, (0, 1), 16, 4),
        (2, (2, 3), 8, 8),
        (3, (), 32, 32),
        (5, (4,), 0, 0),
    ]
    assert host.nodes[0].pools == (
        Pool(page_size=2 * MiB, total=4096, free=4096),
        Pool(page_size=GiB, total=4, free=4),
    )
    assert host.nodes[3].pools == ()
    assert (host.distance(0, 3), host.distance(5, 2)) == (17, 17)


def test_freepages_give_what_is_free() -> None:
    """With the output of ``virsh freepages --all`` the free pages are known."""
    host = read_host(str(DATA / "capabilities.xml"), free=str(DATA / "freepages.txt"))
    assert host.free_known
    assert host.nodes[0].free == 900000 * 4 * KiB
    assert [p.free for p in host.nodes[0].pools] == [4000, 1]
    assert host.nodes[3].free == 0


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("2048KiB: 4000", "2048KiB: 4097", "free 4097 is more than total 4096 pages"),
        ("2048KiB: 4000", "64KiB: 4000", "has no pool of 64 KiB pages on node 0"),
        ("2048KiB: 4000", "", "says nothing of 2 MiB pages on node 0"),
        ("Node 3:", "Node 4:", "no pool of 2 MiB pages on node 4"),
        ("Node 0:", "Knoten 0:", "line 1: 'Knoten 0:' is not a line of 'virsh freepages --all'"),
        ("4KiB: 900000", "4KiB: -3", "line 2: '4KiB: -3' is not a line"),
    ],
)
def test_freepages_of_another_host_are_refused(old: str, new: str, rule: str) -> None:
    """Free pages must name every pool of the host and no other."""
    host = read_host(str(DATA / "capabilities.xml"))
    text = (DATA / "freepages.txt").read_text().replace(old, new, 1)
    with pytest.raises(InputError, match=re.escape(rule)):
        apply_free(host, text.encode(), source="free.txt")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (r"<topology>.*</topology>", "", "line 2: no NUMA cell in host/topology/cells"),
        ("<cell id='0'>", "<cell>", "line 16: <cell> needs the attribute 'id'"),
        ("<cell id='2'>", "<cell id='0'>", "two host nodes with id 0"),
        (">4096<", ">-1<", "line 19: '-1' is not a number of pages"),
        ("size='1048576'>4<", ">4<", "<pages> needs the attribute 'size'"),
        (">16777216<", ">-1<", "line 17: XML error: Invalid value '-1'"),
        ("value='28'", "value='9'", "node 0: distances go from 10"),
        ("capabilities>", "domain>", "the root element is <domain>, <capabilities> is needed"),
    ],
)
def test_bad_capabilities_are_refused(old: str, new: str, rule: str) -> None:
    """Every fault names file, place and rule."""
    text = re.sub(old, new, CAPABILITIES, count=2 if "capab" in old else 1, flags=re.DOTALL)
    if "capab" in old:
        text = text.replace("</capabilities>", "</domain>")
    with pytest.raises(InputError) as caught:
        read_capabilities(("\n" + text).encode(), source="c.xml")
    assert str(caught.value).startswith("c.xml: ")
    assert rule in str(caught.value)


def test_hosts_without_distances_or_pages_have_the_defaults() -> None:
    """An old libvirt tells neither; distances are 10 and 20, the base page is 4 KiB."""
    text = re.sub(
        r"<distances>.*?</distances>|<pages[^>]*(/>|>\d*</pages>)",
        "",
        CAPABILITIES,
        flags=re.DOTALL,
    )
    host = read_capabilities(text.encode(), source="c.xml")
    assert (host.base_page, host.page_sizes()) == (4 * KiB, (4 * KiB,))
    assert (host.distance(0, 0), host.distance(0, 2)) == (10, 20)
