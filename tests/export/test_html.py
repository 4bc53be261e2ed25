"""The page for a browser: it holds what the plan holds, to scale, and nothing that is not meant."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator

import lxml.html
import pytest

from slotsolver.export.address_rows import MOST_ROWS
from slotsolver.export.html import html_page, plan_fragment
from slotsolver.export.html_style import STYLE
from slotsolver.plan import Infeasible, Plan, PlannedGuest, Undecided
from slotsolver.problem import Problem
from slotsolver.size import GiB, parse_size
from tests.export.pages import NAMES, PLANS, SHOWN_HOSTILE, answered, planned

Element = lxml.html.HtmlElement
Span = tuple[int, int]


def document(name: str) -> Element:
    """The page of an answer."""
    return lxml.html.document_fromstring(html_page(*answered(name)))


def sections(name: str) -> Iterator[tuple[PlannedGuest, Element]]:
    """Every guest of a plan with its part of the page."""
    found = document(name).cssselect("section.guest")
    return zip(planned(name)[1].guests, found, strict=True)


def row_length(section: Element) -> int:
    """What the caption says that a row is, bytes."""
    [caption] = section.cssselect("figure.map figcaption p")
    said = re.match(r"A row is (.+?) of guest-physical", caption.text_content())
    assert said
    return parse_size(said[1])


def left_out(section: Element) -> list[Span]:
    """Where rows are left out."""
    length = row_length(section)
    return [
        (int(p.get("data-start")), int(p.get("data-start")) + int(p.get("data-rows")) * length)
        for p in section.cssselect(".left-out")
    ]


def drawn(section: Element, **data: object) -> list[Span]:
    """Where the parts of things with these attributes lie, by their own word."""
    where = "".join(f'[data-{key}="{value}"]' for key, value in data.items())
    starts = [
        (int(g.get("data-start")), int(g.get("data-bytes"))) for g in section.cssselect(f"g{where}")
    ]
    return sorted((start, start + size) for start, size in starts)


def covers(parts: list[Span], gaps: list[Span], start: int, end: int) -> bool:
    """Whether parts cover a range once, but for the gaps."""
    inside = [(max(a, start), min(b, end)) for a, b in gaps if a < end and start < b]
    pieces = sorted([*parts, *inside])
    return bool(pieces) and all(
        a[1] == b[0] for a, b in zip([(start, start), *pieces], [*pieces, (end, end)], strict=True)
    )


@pytest.mark.parametrize("name", PLANS)
def test_every_dimm_is_drawn_once(name: str) -> None:
    """With its slot, cell, state, and at its address; where it is not drawn, rows are left out."""
    for guest, section in sections(name):
        slots = {
            (g.get("data-slot"), g.get("data-state")) for g in section.cssselect("g[data-slot]")
        }
        assert slots == {(str(d.slot), d.state) for d in guest.dimms}
        for dimm in guest.dimms:
            parts = drawn(section, slot=dimm.slot, state=dimm.state, address=hex(dimm.address))
            assert covers(parts, left_out(section), dimm.address, dimm.address + dimm.size)
            [group, *_] = section.cssselect(
                f'g[data-slot="{dimm.slot}"][data-state="{dimm.state}"]'
            )
            assert group.get("data-cell") == str(dimm.cell)
            title = group.findtext("title")
            assert f"slot {dimm.slot}:" in title
            assert f"{dimm.address:#x} - {dimm.address + dimm.size - 1:#x}" in title
            assert f"cell {dimm.cell}, " in title


@pytest.mark.parametrize("name", PLANS)
def test_areas_are_to_scale(name: str) -> None:
    """Place and width of every box are its share of its row, and all rows are equally long."""
    for _, section in sections(name):
        length, previous = row_length(section), -1
        rows = section.cssselect("figure.map .row")
        assert 1 <= len(rows) <= MOST_ROWS
        for row in rows:
            start = int(row.cssselect(".at")[0].text, 16)
            assert start % length == 0
            assert start > previous
            previous = start
            for group in row.cssselect("g"):
                box = group.cssselect("rect.box")[0]
                at, size = int(group.get("data-start")) - start, int(group.get("data-bytes"))
                assert 0 <= at < at + size <= length
                assert share(box, "x") == pytest.approx(at / length, abs=1e-6)
                assert share(box, "width") == pytest.approx(size / length, abs=1e-6)


def share(box: Element, name: str) -> float:
    """A percentage as a number."""
    assert box.get(name).endswith("%")
    return float(box.get(name)[:-1]) / 100


@pytest.mark.parametrize("name", PLANS)
def test_the_map_is_whole(name: str) -> None:
    """Everything from address 0 on is drawn or left out, and cells have their boot memory."""
    for guest, section in sections(name):
        parts = [
            span
            for g in ("hole", "window", "boot", "dimm", "virtio-mem", "device")
            for span in drawn(section, kind=g)
        ]
        parts = [p for p in parts if p not in drawn(section, state="unplug")]
        end = max(b for _, b in [*parts, *left_out(section)])
        if name not in ("virt", "pseries", "spread"):  # made by hand, with DIMMs anywhere
            assert covers(sorted(parts), left_out(section), 0, end)
        if left_out(section):
            continue
        for cell in guest.cells:
            boot = drawn(section, kind="boot", cell=cell.id)
            assert sum(b - a for a, b in boot) == cell.boot


def test_where_things_lie_on_q35() -> None:
    """2 GiB below the hole, the rest from 4 GiB on, device memory behind at a whole GiB, with 1 GiB
    to spare for each of the 16 slots (QEMU 7.2 hw/i386/pc.c)."""
    [(guest, section)] = sections("thread")
    assert guest.slots == 16
    assert drawn(section, kind="hole") == [(2 * GiB, 4 * GiB)]
    cells = [drawn(section, kind="boot", cell=cell) for cell in range(4)]
    assert cells[0] == [(0, 2 * GiB)]
    assert cells[1] == [(4 * GiB, 6 * GiB)]
    assert cells[3] == [(8 * GiB, 10 * GiB)]
    assert min(d.address for d in guest.dimms) == 10 * GiB
    [first] = drawn(section, kind="window")
    assert first[0] == 18 * GiB
    assert max(end for _, end in left_out(section)) == 10 * GiB + 8 * GiB + 16 * GiB


def test_a_dimm_that_goes_lies_below_what_takes_its_place() -> None:
    """In one row: slot 0 is emptied, and filled anew at the same address."""
    [(_, section)] = sections("swapped")
    [goes] = section.cssselect('g[data-slot="0"][data-state="unplug"]')
    [comes] = section.cssselect('g[data-slot="0"][data-state="plug"]')
    assert goes.getparent() is comes.getparent()
    assert goes.get("data-start") == comes.get("data-start")
    band = max(float(r.get("y")) + float(r.get("height")) for r in comes.cssselect("rect"))
    assert float(goes.cssselect("rect")[0].get("y")) > band


def test_virtio_mem_is_as_full_as_what_is_requested() -> None:
    """By height: which blocks are given is the guest's business."""
    [(guest, section)] = sections("virtio")
    for device in guest.virtio_mem:
        [group, *_] = [
            g
            for g in section.cssselect('g[data-kind="virtio-mem"]')
            if g.get("data-address") == hex(device.address)
        ]
        whole = group.cssselect("rect.box")[0]
        [given] = group.cssselect("rect.given")
        high = float(given.get("height")) / float(whole.get("height"))
        assert high == pytest.approx(device.requested / device.size, abs=1e-3)


@pytest.mark.parametrize("name", PLANS)
def test_pools_are_to_scale(name: str) -> None:
    """Before and after, each part's share of the pool; used, given back, taken, promised, free."""
    _, plan = planned(name)
    uses = [plan.host] if plan.host else []
    uses += [place.use for place in plan.destinations]
    touched = [
        (node.id, pool)
        for use in uses
        for node in use.nodes
        for pool in node.pools
        if pool.free_before != pool.free_after or pool.promised
    ]
    cards = document(name).cssselect(".pool")
    assert len(cards) == len(touched)
    for card, (node, pool) in zip(cards, touched, strict=True):
        assert (card.get("data-node"), card.get("data-page")) == (str(node), str(pool.page_size))
        taken = pool.free_before - pool.free_after
        kept = min(pool.free_before, pool.free_after)
        promised = min(pool.promised, kept)
        after = {
            "used": pool.total - max(pool.free_before, pool.free_after),
            "taken" if taken > 0 else "returned": abs(taken),
            "promised": promised,
            "free": kept - promised,
        }
        before = {"used": pool.total - pool.free_before, "free": pool.free_before}
        for when, wanted in (("before", before), ("after", after)):
            groups = card.cssselect(f'g[data-when="{when}"]')
            pages = {g.get("data-part"): int(g.get("data-pages")) for g in groups}
            assert pages == {part: n for part, n in wanted.items() if n}
            at = 0.0
            for group in groups:
                box = group.cssselect("rect")[0]
                width = int(group.get("data-pages")) / pool.total
                assert share(box, "x") == pytest.approx(at, abs=1e-6)
                assert share(box, "width") == pytest.approx(width, abs=1e-6)
                at += width
            assert at == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_needs_nothing_and_may_do_nothing(name: str) -> None:
    """No script, no address of anything, one style, which the policy knows by its hash."""
    root = document(name)
    assert not root.cssselect("script, img, link, iframe, object, embed, form, base, a")
    for element in root.iter(lxml.html.etree.Element):
        assert not [key for key in element.attrib if key.startswith("on") or key == "style"]
        assert not {"src", "href", "srcset", "action"} & set(element.attrib)
    text = html_page(*answered(name))
    assert set(re.findall(r"url\(([^)]*)\)", text)) <= {
        f"#slotsolver-{p}" for p in ("slanted", "dotted", "upright", "crossed", "growth")
    }
    assert "@import" not in text
    [style] = root.cssselect("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    [policy] = root.cssselect('meta[http-equiv="Content-Security-Policy"]')
    directives = policy.get("content").split("; ")
    assert directives[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert not [d for d in directives if d.startswith("script-src")]
    assert root.cssselect("head > *").index(policy) == 1  # before anything it is about


@pytest.mark.parametrize("name", ["virtio", "swapped", "impossible"])
def test_hostile_names_stay_names(name: str) -> None:
    """Markup in a guest's name is shown, not obeyed, and turns no other text around."""
    root = document(name)
    assert SHOWN_HOSTILE in root.cssselect("title")[0].text
    assert [bdi.text_content() for bdi in root.cssselect("h2 bdi")] == [SHOWN_HOSTILE]
    assert "<img" not in html_page(*answered(name))


def test_operations_in_order() -> None:
    """Each with its device, size, address and the guest's size afterwards."""
    _, plan = planned("two-guests")
    for guest, section in sections("two-guests"):
        [table] = [
            t for t in section.cssselect("table") if t.cssselect("th")[-1].text == "guest then"
        ]
        rows = [[td.text_content() for td in tr] for tr in table.cssselect("tbody tr")]
        assert [row[1] for row in rows] == [o.do for o in guest.operations]
        for row, todo in zip(rows, guest.operations, strict=True):
            assert row[2] == (todo.device if todo.slot is None else f"slot {todo.slot}")
            assert parse_size(row[4].removeprefix("to ")) == todo.size
            places = [d.address for d in guest.dimms if (d.slot, d.state) == (todo.slot, todo.do)]
            places += [v.address for v in guest.virtio_mem if v.number == todo.number]
            assert int(row[5], 16) in places
            assert parse_size(row[6]) == todo.memory
    assert sum(len(guest.operations) for guest in plan.guests) == 7


def test_objectives_with_values_and_bounds() -> None:
    """A bound that is not met is told."""
    [table] = [
        t for t in document("spread").cssselect("table") if t.cssselect("th")[0].text == "objective"
    ]
    rows = [[td.text_content() for td in tr] for tr in table.cssselect("tbody tr")]
    assert rows == [
        ["fewest-slots", "16 slots", "proven"],
        ["finest-step", "512 MiB", "proven"],
        ["shortest-distance", "320", "not proven; at least 300"],
    ]
    assert "optimal, proven" in document("spread").cssselect(".verdict")[0].text_content()
    unproven = document("waypoints").cssselect(".verdict")[0].text_content()
    assert unproven.startswith("feasible, not proven to be the best")


def test_notes() -> None:
    """Every note of the plan."""
    problem, plan = planned("thread")
    noted = plan.model_copy(update={"notes": ("one <i>", "two")})
    root = lxml.html.document_fromstring(html_page(problem, noted))
    assert [li.text_content() for li in root.cssselect("aside .notes li")] == ["one <i>", "two"]


@pytest.mark.parametrize("name", PLANS)
def test_every_dimm_in_a_table(name: str) -> None:
    """What tooltips say is said for print and for screen readers too."""
    for guest, section in sections(name):
        rows = [
            [td.text_content() for td in tr] for tr in section.cssselect("details.every tbody tr")
        ]
        found = Counter((row[0], row[1], row[2], row[5]) for row in rows)
        assert found == Counter(
            (
                str(d.slot),
                next(row[1] for row in rows if parse_size(row[1]) == d.size),
                str(d.cell),
                f"{d.address:#x} - {d.address + d.size - 1:#x}",
            )
            for d in guest.dimms
        )


def test_why_there_is_no_plan() -> None:
    """Every member of the conflict, every remedy with its command, what does not help."""
    problem, answer = answered("impossible")
    assert isinstance(answer, Infeasible)
    assert answer.remedies
    assert answer.unhelpful
    remedy = answer.remedies[0].model_copy(update={"command": "virsh <allocpages>"})
    answer = answer.model_copy(update={"remedies": (remedy, *answer.remedies[1:])})
    root = lxml.html.document_fromstring(html_page(problem, answer))
    told = [unquoted(li.text_content()) for li in root.cssselect(".conflict li")]
    assert told == [unquoted(f"{member.rule} {member.says}") for member in answer.conflict]
    helps = [unquoted(li.text_content()) for li in root.cssselect(".remedies li")]
    says = [unquoted(r.says) for r in answer.remedies]
    assert [h.removesuffix("virsh <allocpages>") for h in helps] == says
    assert root.cssselect(".remedies pre")[0].text == "virsh <allocpages>"
    for number in answer.unhelpful:
        assert unquoted(number.change) in unquoted(root.text_content())
    assert not root.cssselect("figure")


def unquoted(says: str) -> str:
    """A sentence as the page has it, without the backticks around fields."""
    return says.replace("`", "").replace("\u202e", "\ufffd")


def test_undecided() -> None:
    """A sentence with the reason."""
    problem, _ = answered("thread")
    undecided = Undecided(seconds=1.5, says="the search <was> long")
    text = lxml.html.document_fromstring(html_page(problem, undecided)).text_content()
    assert "No plan after 1.5 s: the search <was> long" in text


def test_a_plan_in_a_notebook() -> None:
    """One element with a style of its own; without its problem, devices only have addresses."""
    for name in ("thread", "swapped"):
        _, plan = planned(name)
        root = lxml.html.fragment_fromstring(plan._repr_html_())
        assert (root.tag, root.get("class")) == ("div", "slotsolver")
        assert [style.text for style in root.cssselect("style")] == [STYLE]
        [section] = root.cssselect("section.guest")
        strip, figure = section.cssselect("figure.map")
        assert {g.get("data-kind") for g in strip.cssselect("g")} == {"boot"}
        assert sum(int(g.get("data-bytes")) for g in strip.cssselect("g")) == sum(
            cell.boot for cell in plan.guests[0].cells
        )
        assert {g.get("data-kind") for g in figure.cssselect("g")} == {"dimm"}
        for dimm in plan.guests[0].dimms:
            parts = drawn(figure, slot=dimm.slot, state=dimm.state)
            gaps = [(int(p.get("data-start")), 1 << 62) for p in figure.cssselect(".left-out")]
            assert covers(parts, gaps, dimm.address, dimm.address + dimm.size)


def test_a_fragment_with_its_problem_is_as_whole_as_the_page() -> None:
    """The same map as on the page."""
    problem, plan = planned("thread")
    part = lxml.html.fragment_fromstring(plan_fragment(plan, problem)).cssselect("section.guest")
    whole = document("thread").cssselect("section.guest")
    assert [lxml.html.tostring(s) for s in part] == [lxml.html.tostring(s) for s in whole]


def test_no_plan_in_a_notebook() -> None:
    """The conflict."""
    _, answer = answered("impossible")
    assert isinstance(answer, Infeasible)
    root = lxml.html.fragment_fromstring(answer._repr_html_())
    assert len(root.cssselect(".conflict li")) == len(answer.conflict)


def test_the_style_changes_nothing_around_it() -> None:
    """Every rule is about what is within ``.slotsolver``."""
    flat = re.sub(r"\{[^{}]*\}", "{}", STYLE)
    while (
        next_flat := re.sub(r"(\.slotsolver[^{},]*)\{(?:[^{}]*\{\})+[^{}]*\}", r"\1{}", flat)
    ) != flat:
        flat = next_flat
    selectors = [s.strip() for s in re.findall(r"([^{}]+)\{\}", flat)]
    assert len(selectors) > 20
    for selector in selectors:
        last = selector.split("{")[-1]
        assert all(".slotsolver" in one for one in last.split(",")), selector


def test_a_guest_without_dimms() -> None:
    """Nothing to plug: boot memory alone."""
    guest = {"name": "small", "cells": [{}], "target": GiB}
    problem = Problem.model_validate({"guests": [guest]})
    _, plan = planned("thread")
    alone = plan.guests[0].model_copy(
        update={
            "name": "small",
            "memory": GiB,
            "maximum": GiB,
            "slots": 0,
            "dimms": (),
            "cells": (plan.guests[0].cells[0].model_copy(update={"boot": GiB}),),
            "stages": (plan.guests[0].stages[0].model_copy(update={"cells": (GiB,)}),),
        }
    )
    small = plan.model_copy(update={"guests": (alone,), "host": None})
    assert isinstance(small, Plan)
    root = lxml.html.document_fromstring(html_page(problem, small))
    [section] = root.cssselect("section.guest")
    assert drawn(section, kind="boot")[0][0] == 0
    assert not section.cssselect("g[data-slot], details")
