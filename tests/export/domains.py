"""Domain XML as people and libvirt write it: any quotes, blanks, order, comments, units.

A document is drawn together with what it means, so that tests need no reader to know it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from slotsolver.fields import format_ids
from slotsolver.plan import Plan, PlannedDimm, PlannedGuest
from slotsolver.problem import Guest, Host
from slotsolver.size import GiB, KiB, MiB
from tests.export.plans import Dimm, plan_of, planned_guest

Draw = Callable[[st.SearchStrategy[Any]], Any]
FOREIGN = (
    "<app:info xmlns:app='http://example.org/app'><app:owner name='a &amp; b'/></app:info>",
    '<app:info xmlns:app="http://example.org/app">\n<!-- kept -->\n\t<app:owner/></app:info>',
)
COMMENTS = ("<!-- a comment -->", "<!--two\n  lines-->", "<!-- <memory unit='KiB'>1</memory> -->")


@dataclass
class Tag:
    """An element to be written in some random style."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: str | Sequence[Tag | str] = ()


class Style:
    """How one document is written; every choice comes from ``random``."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.step = source.choice(["  ", "    ", "\t", " "])
        self.newline = "" if source.random() < 0.1 else "\n"
        self.talkative = source.random() < 0.5

    def write(self, tag: Tag | str, indent: str = "") -> str:
        """The tag with its indentation and its line end."""
        line = indent if self.newline else ""
        if isinstance(tag, str):
            return f"{line}{tag}{self.newline}"
        head = tag.name + "".join(self._attribute(k, v) for k, v in tag.attributes.items())
        blank = self.random.choice(["", "", "", " "])
        comment = ""
        if self.talkative and self.random.random() < 0.2:
            comment = line + self.random.choice(COMMENTS) + self.newline
        if not tag.content and self.random.random() < 0.8:
            return f"{comment}{line}<{head}{blank}/>{self.newline}"
        if isinstance(tag.content, str):
            text = escape(tag.content)
            return f"{comment}{line}<{head}{blank}>{text}</{tag.name}>{self.newline}"
        inner = "".join(self.write(child, indent + self.step) for child in tag.content)
        return (
            f"{comment}{line}<{head}{blank}>{self.newline}{inner}{line}</{tag.name}>{self.newline}"
        )

    def _attribute(self, name: str, value: str) -> str:
        quote = self.random.choice("''\"")
        gap = self.random.choice([" ", " ", " ", "  ", "\n   "])
        equals = self.random.choice(["=", "=", "=", " = "])
        return f"{gap}{name}{equals}{quote}{escape(value)}{quote}"

    def size(self, value: int) -> tuple[dict[str, str], str]:
        """A size in bytes as a unit and a number that means exactly it."""
        units = {None: KiB, "KiB": KiB, "k": KiB, "MiB": MiB, "M": MiB, "G": GiB, "bytes": 1}
        fitting = [unit for unit, scale in units.items() if value % scale == 0]
        unit = self.random.choice(fitting)
        return ({"unit": unit} if unit else {}), str(value // units[unit])

    def sized(self, name: str, value: int, **attributes: str) -> Tag:
        """An element that holds a size."""
        unit, number = self.size(value)
        return Tag(name, attributes | unit, number)


@dataclass
class Meaning:
    """What a drawn document says, in bytes."""

    boots: list[int]
    pages: list[int]
    nodes: list[tuple[int, ...]]
    dimms: list[tuple[int, int, int, int]]
    """Cell, size, slot, address of each DIMM in document order."""
    growth: int
    slots: int

    @property
    def total(self) -> int:
        """Boot memory and DIMMs."""
        return sum(self.boots) + sum(dimm[1] for dimm in self.dimms)


@st.composite
def meanings(draw: Draw, nodes: int = 4) -> Meaning:
    """Guests of one to four cells with a few DIMMs."""
    count = draw(st.integers(1, 4))
    boots = [draw(st.integers(1, 8)) * 256 * MiB for _ in range(count)]
    pages = draw(
        st.one_of(
            st.sampled_from([4 * KiB, 2 * MiB, GiB]).map(lambda page: [page] * count),
            st.lists(st.sampled_from([4 * KiB, 2 * MiB]), min_size=count, max_size=count),
        )
    )
    one_node = st.integers(0, nodes - 1).map(lambda node: (node,))
    bound = draw(st.lists(one_node, min_size=count, max_size=count))
    if draw(st.booleans()):
        bound = [bound[0]] * count
    dimms, address = [], 16 * GiB
    slots = draw(st.permutations(range(6)))
    for slot in slots[: draw(st.integers(0, 4))]:
        cell = draw(st.integers(0, count - 1))
        size = draw(st.integers(1, 4)) * 1024 * MiB
        dimms.append((cell, size, slot, address))
        address += size
    growth = draw(st.integers(0, 4)) * 1024 * MiB
    hotplug = growth or dimms
    return Meaning(boots, pages, bound, dimms, growth, 8 if hotplug else 0)


def write(meaning: Meaning, source: random.Random, *, bound: bool = True) -> str:
    """The meaning as a document in a random style; without ``bound`` it names no host nodes."""
    style = Style(source)
    top = _top(meaning, style, bound=bound)
    if source.random() < 0.3:
        source.shuffle(top)
    attributes = {"type": source.choice(["kvm", "qemu"])}
    if source.random() < 0.4:
        attributes["xmlns:qemu"] = "http://libvirt.org/schemas/domain/qemu/1.0"
        arg = Tag("qemu:arg", {"value": "-no-shutdown"})
        top.append(Tag("qemu:commandline", content=[arg]))
    text = style.write(Tag("domain", attributes, top))
    head = source.choice(["", "", "<?xml version='1.0' encoding='utf-8'?>\n", "<!-- by hand -->\n"])
    return head + text


def _top(meaning: Meaning, style: Style, *, bound: bool) -> list[Tag | str]:
    source = style.random
    hotplug = bool(meaning.slots)
    total, cells = meaning.total, len(meaning.boots)
    top: list[Tag | str] = [Tag("name", content="db1")]
    if source.random() < 0.5:
        top.append(Tag("metadata", content=[source.choice(FOREIGN)]))
    if hotplug:
        slots = {"slots": str(meaning.slots)}
        top.append(style.sized("maxMemory", total + meaning.growth, **slots))
    top.append(style.sized("memory", total))
    if source.random() < 0.7:
        top.append(style.sized("currentMemory", total))
    top += _backing(meaning, style)
    top.append(Tag("vcpu", {"placement": "static"}, str(2 * cells)))
    if bound:
        top.append(_numatune(meaning, style))
    kind = Tag("type", {"arch": "x86_64", "machine": "pc-q35-7.2"}, "hvm")
    top += [Tag("os", content=[kind]), Tag("features", content=[Tag("acpi"), Tag("apic")])]
    if hotplug or cells > 1 or source.random() < 0.5:
        top.append(Tag("cpu", {"mode": "host-passthrough"}, [_numa(meaning, style)]))
    memory = [_device(style, *dimm) for dimm in meaning.dimms]
    top.append(Tag("devices", content=[Tag("emulator", content="/usr/bin/kvm"), *memory]))
    return top


def _backing(meaning: Meaning, style: Style) -> list[Tag]:
    pages = sorted(set(meaning.pages))
    if pages == [4 * KiB]:
        return [Tag("memoryBacking", content=[Tag("nosharepages")])]
    if pages == [2 * MiB] and style.random.random() < 0.5:
        return [Tag("memoryBacking", content=[Tag("hugepages")])]
    listed = []
    for page in pages:
        unit, number = style.size(page)
        attributes = {"size": number, **unit}
        if len(pages) > 1:
            named = [i for i, p in enumerate(meaning.pages) if p == page]
            attributes["nodeset"] = format_ids(named)
        listed.append(Tag("page", attributes))
    return [Tag("memoryBacking", content=[Tag("hugepages", content=listed)])]


def _numatune(meaning: Meaning, style: Style) -> Tag:
    union = sorted({node for nodes in meaning.nodes for node in nodes})
    memory = Tag("memory", {"mode": "strict", "nodeset": format_ids(union)})
    if len(union) == 1 and (len(meaning.boots) == 1 or style.random.random() < 0.5):
        return Tag("numatune", content=[memory])
    memnodes = [
        Tag("memnode", {"cellid": str(i), "mode": "strict", "nodeset": format_ids(nodes)})
        for i, nodes in enumerate(meaning.nodes)
    ]
    return Tag("numatune", content=[memory, *memnodes])


def _numa(meaning: Meaning, style: Style) -> Tag:
    cells = []
    for place, boot in enumerate(meaning.boots):
        unit, number = style.size(boot)
        cpus = f"{2 * place}-{2 * place + 1}"
        cells.append(Tag("cell", {"id": str(place), "cpus": cpus, "memory": number, **unit}))
    return Tag("numa", content=cells)


def _device(style: Style, cell: int, size: int, slot: int, address: int) -> Tag:
    base = style.random.choice([f"0x{address:x}", f"{address:x}", f"0x{address:X}"])
    target = Tag("target", content=[style.sized("size", size), Tag("node", content=str(cell))])
    place = Tag("address", {"type": "dimm", "slot": str(slot), "base": base})
    return Tag("memory", {"model": "dimm"}, [target, place])


def plan_for(
    guest: Guest, meaning: Meaning, *, extra: Sequence[PlannedDimm] = (), host: Host | None = None
) -> Plan:
    """The plan that says what ``meaning`` says, with ``extra`` DIMMs beside it."""
    dimms = [Dimm(c, s, "present", slot=n, address=a) for c, s, n, a in meaning.dimms]
    planned = planned_guest(
        guest,
        meaning.boots,
        dimms,
        page_sizes=meaning.pages,
        host_nodes=meaning.nodes if host else None,
        slots=meaning.slots,
        maximum=meaning.total + meaning.growth,
    )
    return plan_of(with_dimms(planned, extra))


def with_dimms(planned: PlannedGuest, extra: Sequence[PlannedDimm]) -> PlannedGuest:
    """The guest's plan with more DIMMs, its sums with them."""
    now = sum(d.size for d in extra if d.state in ("plug", "plugged"))
    changed = {
        "dimms": (*planned.dimms, *extra),
        "memory": planned.memory + now,
        "maximum": planned.maximum + sum(d.size for d in extra),
    }
    return planned.model_copy(update=changed)
