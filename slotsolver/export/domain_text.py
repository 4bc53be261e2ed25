"""A domain XML open for edits: finds elements, reads sizes as libvirt does, adds in its order."""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.export.layout import Layout
from slotsolver.export.xmltext import Element, New, XmlText
from slotsolver.size import KiB, parse_size, unit_bytes

_BEFORE = "metadata maxMemory memory currentMemory blkiotune memtune memoryBacking vcpu vcpus"
_AFTER = "iothreads iothreadids cputune numatune resource sysinfo bootloader bootloader_args os"
_REST = "features cpu clock on_poweroff on_reboot on_crash on_lockfailure pm perf devices"
ORDER = tuple(f"name uuid genid title description {_BEFORE} {_AFTER} {_REST}".split())
"""Children of ``<domain>`` in the order in which libvirt prints them; it reads them in any."""


class DomainText:
    """The document of a guest, its layout, and the edits made so far."""

    def __init__(self, layout: Layout, xml: str) -> None:
        self.layout = layout
        self.xml = XmlText(xml, source=f"guest {layout.guest.name}")
        self.root = self.xml.root
        self._placed: list[New] = []

    def find(self, path: str) -> Element | None:
        """The first element at a path below ``<domain>``."""
        return self.root.find(path)

    def all(self, path: str) -> list[Element]:
        """Every element at a path below ``<domain>``, such as ``devices/memory``."""
        parent, _, name = path.rpartition("/")
        owner = self.find(parent) if parent else self.root
        return owner.all(name) if owner else []

    def add(self, parent: str, nodes: Sequence[New], *, after: Element | None = None) -> None:
        """Add elements in a child of ``<domain>``, which is made if it is missing."""
        if not nodes:
            return
        owner = self.find(parent)
        if owner is None:
            self.place(New(parent, content=tuple(nodes)))
        else:
            self.xml.insert(owner, nodes, after=after)

    def place(self, node: New) -> None:
        """Add a child of ``<domain>`` where libvirt would print it."""
        self._placed.append(node)

    def text(self) -> str:
        """The document with every edit in it; the very same text if there was none."""
        for node in sorted(self._placed, key=lambda n: ORDER.index(n.name)):
            rank = ORDER.index(node.name)
            before = [
                child
                for child in self.root.children
                if child.name in ORDER and ORDER.index(child.name) < rank
            ]
            self.xml.insert(self.root, [node], after=before[-1] if before else None)
        self._placed.clear()
        return self.xml.text()

    def set_kib(self, element: Element, kib: int) -> None:
        """Give an element a size, in its own unit where that holds it exactly."""
        value, unit = in_unit(kib, element.attributes.get("unit"))
        self.xml.set_value(element, value)
        if unit != element.attributes.get("unit", "KiB"):
            self.xml.set_attribute(element, "unit", unit)

    @property
    def needs_cells(self) -> bool:
        """Whether the document has no guest NUMA cells but needs them: to grow, except on ppc64
        (libvirt 9.0 qemu/qemu_domain.c:qemuDomainDefValidateMemoryHotplug), or to have several."""
        wanted = (self.layout.hotplug and self.layout.platform.arch != "ppc64") or len(
            self.layout.planned.cells
        ) > 1
        return wanted and not self.all("cpu/numa/cell")


def read_kib(text: str, unit: str | None) -> int:
    """A size as libvirt reads it: KiB unless it has a unit, rounded up to KiB
    (libvirt 9.0 conf/domain_conf.c:virDomainParseMemory)."""
    return -(-parse_size(text.strip(), default_unit=unit or "KiB") // KiB)


def value_kib(element: Element) -> int:
    """The size that an element holds, in KiB."""
    return read_kib(element.value, element.attributes.get("unit"))


def in_unit(kib: int, unit: str | None) -> tuple[str, str]:
    """A number and its unit: the given unit where it holds the size exactly, else KiB."""
    scale = unit_bytes(unit) if unit else KiB
    if unit and scale and kib * KiB % scale == 0:
        return str(kib * KiB // scale), unit
    return str(kib), "KiB"


def means(kib: int, size: int, alignment: int) -> bool:
    """Whether ``kib`` KiB in a document are ``size`` bytes when libvirt starts the guest: as they
    stand, or rounded up to the alignment (libvirt 9.0 qemu/qemu_domain.c:
    qemuDomainAlignMemorySizes)."""
    said = kib * KiB
    return size in (said, -(-said // alignment) * alignment)
