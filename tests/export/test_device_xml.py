"""The device of each operation: what libvirt is given to attach, to find, or to change."""

from __future__ import annotations

import pytest

from slotsolver.export.device_xml import device_xml
from slotsolver.export.layout import Layout
from slotsolver.problem import Problem
from slotsolver.size import KiB, MiB
from tests.checker.running import Case, grow, lowered, raised, shrink, swap

LIVE = """\
<domain type='kvm' id='3'>
  <devices>
    <disk><address type="drive" slot='0'/></disk>
{}
  </devices>
</domain>
"""
"""A live XML, as far as it matters here."""

DIMM = """\
    <memory  model="dimm"><!-- R&amp;D -->
      <source>
        <pagesize unit="MiB">2</pagesize>
      </source>
      <target>
        <size unit='GiB'>1</size>
        <node>0</node>
      </target>
      <alias name='dimm0'/>
      <address slot='0' base="100000000" type='dimm'/>
    </memory>"""

VIRTIO = """\
    <memory model='virtio-mem'>
      <target>
        <size unit='KiB'>4194304</size>
        <node>1</node>
        <block unit='KiB'>2048</block>
        <requested unit='GiB'>1</requested>
        <current unit='KiB'>1048576</current>
      </target>
      <alias name='{}'/>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </memory>"""


def devices(case: Case, *live: str) -> list[str]:
    """The devices of a case's operations; ``live`` are the elements of the guest's own XML."""
    problem = Problem.model_validate(case.document)
    if live:
        text = LIVE.format("\n".join(live))
        guest = problem.guests[0].model_copy(update={"xml": text})
        problem = problem.model_copy(update={"guests": (guest,)})
    layout = Layout.of(problem, case.plan, "vm")
    return [device_xml(layout, operation) for operation in layout.planned.operations]


def test_plug() -> None:
    """A DIMM with slot and base; pages and host nodes are its cell's."""
    first, second = devices(grow())
    assert first == (
        "<memory model='dimm'>\n"
        "  <target>\n"
        "    <size unit='KiB'>524288</size>\n"
        "    <node>0</node>\n"
        "  </target>\n"
        "  <address type='dimm' slot='2' base='0x160000000'/>\n"
        "</memory>\n"
    )
    assert "slot='4' base='0x1a0000000'" in second


def test_plug_on_pages_of_its_own() -> None:
    """What is not as its cell is stands in its source."""
    case = grow()
    dimms = [
        d.model_copy(update={"page_size": 4 * KiB, "host_nodes": (1,)}) if d.slot == 2 else d
        for d in case.plan.guests[0].dimms
    ]
    first, _ = devices(case.planned(dimms=tuple(dimms)))
    assert "  <source>\n    <pagesize unit='KiB'>4</pagesize>\n" in first
    assert "    <nodemask>1</nodemask>\n  </source>\n" in first


def test_unplug_what_the_live_xml_has() -> None:
    """To the letter, moved to the left: whatever libvirt compares is what it printed."""
    (text,) = devices(shrink(), VIRTIO.format("virtiomem0"), DIMM)
    assert text == "\n".join(line[4:] for line in DIMM.splitlines()) + "\n"


@pytest.mark.parametrize("live", [[], [DIMM.replace("100000000", "200000000")]])
def test_unplug_what_only_the_plan_knows(live: list[str]) -> None:
    """Without its element, or where that is another DIMM: from what is known of it."""
    case = shrink()
    first = {**case.document["guests"][0]["devices"][0], "page_size": 2 * MiB, "host_nodes": [0]}
    others = case.document["guests"][0]["devices"][1:]
    (text,) = devices(case.asked(devices=[first, *others]), *live)
    assert text == (
        "<memory model='dimm'>\n"
        "  <source>\n"
        "    <pagesize unit='KiB'>2048</pagesize>\n"
        "    <nodemask>0</nodemask>\n"
        "  </source>\n"
        "  <target>\n"
        "    <size unit='KiB'>1048576</size>\n"
        "    <node>0</node>\n"
        "  </target>\n"
        "  <address type='dimm' slot='0' base='0x100000000'/>\n"
        "</memory>\n"
    )


def test_swap_tells_old_and_new_apart() -> None:
    """One slot, first the DIMM that goes, then the one that comes."""
    gone, _, come = devices(swap())
    assert "<size unit='KiB'>524288</size>" in gone
    assert "<size unit='KiB'>1048576</size>" in come
    for text in (gone, come):
        assert "slot='1' base='0x140000000'" in text


def test_resize_changes_what_is_requested() -> None:
    """The live device with one number changed, for each step."""
    texts = devices(lowered(), VIRTIO.format("virtiomem0"))
    kept = "\n".join(line[4:] for line in VIRTIO.format("virtiomem0").splitlines()) + "\n"
    for text, kib in zip(texts, (768 * 1024, 512 * 1024), strict=True):
        assert text == kept.replace("<requested unit='GiB'>1<", f"<requested unit='KiB'>{kib}<")


def test_resize_finds_its_device() -> None:
    """By its alias among several; by its place where no alias is told, as in a migratable XML: then
    it gets the one that QEMU told, for libvirt needs it."""
    others = [VIRTIO.format(name).replace("0x02", "0x07") for name in ("virtiomem1", "ua-x")]
    (_, text) = devices(raised(), others[0], VIRTIO.format("virtiomem0"), others[1])
    assert "bus='0x02'" in text
    bare = VIRTIO.format("virtiomem0").replace("      <alias name='virtiomem0'/>\n", "")
    (_, text) = devices(raised(), bare)
    assert "bus='0x02'" in text
    assert "</target>\n  <alias name='virtiomem0'/>\n  <address" in text


def test_resize_without_a_live_xml() -> None:
    """Size, cell and block are what it can be found by."""
    (_, text) = devices(raised())
    assert text == (
        "<memory model='virtio-mem'>\n"
        "  <target>\n"
        "    <size unit='KiB'>4194304</size>\n"
        "    <node>1</node>\n"
        "    <block unit='KiB'>2048</block>\n"
        "    <requested unit='KiB'>1572864</requested>\n"
        "  </target>\n"
        "  <alias name='virtiomem0'/>\n"
        "</memory>\n"
    )


def test_resize_of_a_device_that_nothing_was_requested_of() -> None:
    """<requested> may be left out; then it is added."""
    bare = VIRTIO.format("virtiomem0").replace("<requested unit='GiB'>1</requested>", "")
    (_, text) = devices(raised(), bare)
    assert text.count("<requested unit='KiB'>1572864</requested>") == 1
