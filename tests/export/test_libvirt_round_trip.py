"""What is read is not lost: domain XML in, domain XML out."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from slotsolver.export.libvirt import domain_xml
from slotsolver.ingest.domain import read_domain
from slotsolver.ingest.guest import guest_from_domain
from slotsolver.metadata import NAMESPACE
from slotsolver.plan import Plan, PlannedDimm
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, KiB, MiB
from tests.export.domains import Meaning, meanings, plan_for, write
from tests.export.plans import host_of

HOST = host_of(4).model_copy(update={"default_hugepage": 2 * MiB})
RANDOMS = st.randoms(use_true_random=False)
OWNED = (
    *("maxMemory", "memory", "currentMemory", "memoryBacking/hugepages", "numatune"),
    *("cpu/numa", "features/acpi", "devices/memory", f"metadata/{{{NAMESPACE}}}growth"),
)


def read(xml: str) -> Guest:
    """The guest of a document."""
    domain = read_domain(xml.encode(), source="test.xml")
    return guest_from_domain(domain, xml=xml, host=None, source="test.xml")


@given(meanings(), RANDOMS, st.booleans())
def test_same_meaning_same_text(meaning: Meaning, source: random.Random, placed: bool) -> None:
    """A plan that says what the document says gives the document back, byte for byte."""
    xml = write(meaning, source)
    guest = read(xml)
    host = HOST if placed else None
    plan = plan_for(guest, meaning, host=host)
    assert domain_xml(Problem(host=host, guests=(guest,)), plan, "db1") == xml


@given(meanings(), meanings(), RANDOMS, st.booleans())
def test_other_plan_changes_only_what_is_owned(
    old: Meaning, new: Meaning, source: random.Random, bound: bool
) -> None:
    """Whatever the plan says, everything that slotsolver does not own survives."""
    xml = write(old, source, bound=bound)
    written = domain_xml(*answer(xml, old, new), "db1")
    assert foreign(written) == foreign(xml)


@given(meanings(), meanings(), RANDOMS, st.booleans())
def test_other_plan_is_read_back(
    old: Meaning, new: Meaning, source: random.Random, bound: bool
) -> None:
    """The written document means what the plan says, and saying it again changes nothing."""
    xml = write(old, source, bound=bound)
    problem, plan = answer(xml, old, new)
    written = domain_xml(problem, plan, "db1")
    planned = plan.guests[0]
    guest = read(written)
    assert [c.memory for c in guest.cells] == [c.boot for c in planned.cells]
    assert [c.page_size for c in guest.cells] == [c.page_size for c in planned.cells]
    asked = [c.host_nodes or guest.host_nodes for c in guest.cells]
    assert asked == [c.host_nodes for c in planned.cells]
    plugged = [d for d in planned.dimms if d.state != "reserved"]
    found = {(d.cell, d.size, d.slot, d.address) for d in guest.devices}
    assert found == {(d.cell, d.size, d.slot, d.address) for d in plugged}
    assert guest.target_size == planned.memory
    assert guest.maximum_size == planned.maximum
    domain = read_domain(written.encode(), source="written.xml")
    assert domain.memory_kib == planned.memory // KiB
    assert [d.slot for d in domain.planned] == [
        d.slot for d in planned.dimms if d.state == "reserved"
    ]
    again = Problem(host=problem.host, guests=(guest,))
    assert domain_xml(again, settled(plan), "db1") == written


def answer(xml: str, old: Meaning, new: Meaning) -> tuple[Problem, Plan]:
    """The document's guest, and a plan with the old DIMMs but otherwise the new meaning."""
    count = len(old.boots)
    boots = (new.boots * 4)[:count]
    pages = (new.pages * 4)[:count]
    nodes = (new.nodes * 4)[:count]
    changed = Meaning(boots, pages, nodes, old.dimms, 0, 16)
    guest = read(xml)
    extra = [
        PlannedDimm(
            slot=8 + place,
            size=size,
            cell=cell % count,
            page_size=pages[cell % count],
            host_nodes=nodes[cell % count],
            address=64 * GiB + place * 8 * GiB,
            state="plug" if place % 2 else "reserved",
            stage=1,
        )
        for place, (cell, size, _, _) in enumerate(new.dimms)
    ]
    if not old.dimms and not extra:
        changed.slots = 0
    problem = Problem(host=HOST, guests=(guest,))
    return problem, plan_for(guest, changed, extra=extra, host=HOST)


def settled(plan: Plan) -> Plan:
    """The plan once everything in it has been done."""
    guest = plan.guests[0]
    dimms = tuple(
        d.model_copy(update={"state": "present"}) if d.state == "plug" else d for d in guest.dimms
    )
    return plan.model_copy(update={"guests": (guest.model_copy(update={"dimms": dimms}),)})


def foreign(xml: str) -> bytes:
    """The document without what slotsolver owns and without blanks, in canonical form."""
    parser = etree.XMLParser(remove_blank_text=True, resolve_entities=False)
    root = etree.fromstring(xml.encode(), parser)
    for path in OWNED:
        for element in root.findall(path):
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
    for path in ("metadata", "memoryBacking", "features", "cpu"):
        for element in root.findall(path):
            if len(element) == 0 and not element.attrib:
                root.remove(element)
    for element in root.iter():
        element.tail = None
        if isinstance(element.tag, str) and not (element.text or "").strip():
            element.text = None
    return bytes(etree.tostring(root, method="c14n", with_comments=True))
