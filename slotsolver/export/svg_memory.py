"""The picture of a guest's physical address space: rows of boxes, all of one scale.

A box has the hue of its cell, the band below it the hue of its host node and the hatching of its
page size. DIMMs that are there are full, reserved ones pale with a broken edge, those that come now
have a thick edge and a ``+``, those that go lie below the row with a ``-``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slotsolver.export.address_rows import LeftOut, Part, Row, row_size, rows
from slotsolver.export.address_space import AddressSpace, Piece
from slotsolver.export.markup import Html, element, join
from slotsolver.export.svg_parts import box, chip, hatched, hatching, hue, label, width_for
from slotsolver.fields import format_ids
from slotsolver.plan import PlannedGuest
from slotsolver.size import format_size

_BOX, _BAND, _LEAVING = 32, 8, 18
"""Heights in CSS pixels."""
_SIGNS = {"plug": "+ ", "unplug": "- "}


def memory_map(space: AddressSpace, page_sizes: Sequence[int], *, whole: bool = True) -> Html:
    """The figure; ``page_sizes`` are those of the plan, ascending. Not ``whole``: boot memory and
    holes are not known."""
    if not (space.pieces or space.leaving):
        return Html("")
    size = row_size(space)
    drawn = [_row(row, size, page_sizes) for row in rows(space, size)]
    caption = element("figcaption", _caption(size, drawn, whole), _legend(space))
    unplaced = [element("li", name) for name in space.unplaced]
    missing = join("Not drawn, because no address is known:", element("ul", unplaced))
    foot = element("p", missing, class_="aside") if unplaced else None
    return element("figure", caption, drawn, foot, class_="map")


def boot_strip(planned: PlannedGuest, page_sizes: Sequence[int]) -> Html:
    """Boot memory of the cells side by side, where nothing is known of its addresses."""
    whole = sum(cell.boot for cell in planned.cells)
    parts, at = [], 0
    for cell in planned.cells:
        name = f"boot memory of cell {cell.id}: {format_size(cell.boot)}"
        piece = Piece(
            at,
            cell.boot,
            "boot",
            f"boot memory of cell {cell.id}",
            name,
            f"c{cell.id}",
            cell=cell.id,
            page_size=cell.page_size,
            host_nodes=cell.host_nodes,
        )
        parts.append(_part(Part(piece, at, cell.boot), 0, whole, page_sizes))
        at += cell.boot
    head = element("span", format_size(whole), element("small", "boot"), class_="at")
    row = element("div", head, _bar(parts, _BOX + _BAND, "boot memory"), class_="row")
    says = (
        "Boot memory; where it lies depends on the machine type, which a plan alone does not say."
    )
    return element("figure", element("figcaption", element("p", says)), row, class_="map")


def _caption(size: int, drawn: Sequence[Html], whole: bool) -> Html:
    scale = f"A row is {format_size(size)} of guest-physical addresses; all rows have one scale."
    if any("left-out" in row for row in drawn):
        scale += " Where many rows would hold one thing alone, they are left out and counted."
    if not whole:
        scale += " Only devices are shown; the rest depends on the machine type."
    return element("p", scale)


def _legend(space: AddressSpace) -> Html:
    pieces = [*space.pieces, *space.leaving]
    entries: list[tuple[str, str]] = []
    states = {piece.state for piece in pieces}
    kinds = {piece.kind for piece in pieces}
    if "boot" in kinds or states & {"present", "plugged"}:
        entries.append(("box h0", "there: boot memory, DIMMs"))
    if "plug" in states:
        entries.append(("box plug h0", "+ plugged now"))
    if "unplug" in states:
        entries.append(("box unplug h0", "- unplugged now, below its row"))
    if "reserved" in states:
        entries.append(("box reserved h0", "reserved for growth"))
    if "virtio-mem" in kinds:
        entries.append(("box virtio h0", "virtio-mem: as full as what is requested of it"))
    if "device" in kinds:
        entries.append(("box device", "other memory device"))
    if "window" in kinds:
        entries.append(("box window", "free room for devices"))
    if "hole" in kinds:
        entries.append(("box hole", "hole without memory"))
    items = [element("li", chip(class_), says) for class_, says in entries]
    items.append(element("li", "hue of a box: its cell; of the band below: its host node"))
    items.append(element("li", "hatching of the band: page size"))
    return element("ul", items, class_="legend")


def _row(row: Row | LeftOut, size: int, page_sizes: Sequence[int]) -> Html:
    if isinstance(row, LeftOut):
        name = row.piece.name if row.piece else "empty"
        says = f"⋮ {row.rows} rows like this left out: {format_size(row.rows * size)}, {name}"
        return element("p", says, class_="left-out", data_start=row.start, data_rows=row.rows)
    head = element("span", f"{row.start:#x}", element("small", format_size(row.start)), class_="at")
    parts = [_part(part, row.start, size, page_sizes) for part in row.parts]
    parts += [_leaving(part, row.start, size) for part in row.leaving]
    height = _BOX + _BAND + (_LEAVING if row.leaving else 0)
    names = ", ".join(part.piece.name for part in row.parts)
    bar = _bar(parts, height, f"from {row.start:#x}: {names}")
    return element("div", head, bar, class_="row")


def _bar(parts: Sequence[Html], height: int, says: str) -> Html:
    picture = element("svg", parts, width="100%", height=height, role="img", aria_label=says)
    return element("div", picture, class_="bar")


def _part(part: Part, row: int, size: int, page_sizes: Sequence[int]) -> Html:
    piece, at = part.piece, part.start - row
    kind = "virtio" if piece.kind == "virtio-mem" else piece.kind
    look = f"box {kind} {piece.state}".strip()
    if piece.cell is not None:
        look += f" {hue(piece.cell)}"
    sliver = " sliver" if part.size * 200 < size else ""
    inner = [element("title", piece.says or piece.name)]
    high = _BOX if piece.cell is not None else _BOX + _BAND
    inner.append(box(at, part.size, size, 0, high, look + sliver))
    if piece.kind == "virtio-mem" and piece.given:
        full = _BOX * piece.given / piece.size
        inner.append(box(at, part.size, size, _BOX - full, full, f"given {hue(piece.cell or 0)}"))
    inner += _band(piece, at, part.size, size, page_sizes)
    inner += _labels(part, at, size, high)
    return _group(part, inner)


def _group(part: Part, inner: Sequence[Html]) -> Html:
    piece = part.piece
    return element(
        "g",
        inner,
        data_kind=piece.kind,
        data_slot=piece.slot,
        data_cell=piece.cell,
        data_state=piece.state or None,
        data_start=part.start,
        data_bytes=part.size,
        data_address=f"{piece.start:#x}",
    )


def _band(
    piece: Piece, at: int, width: int, size: int, page_sizes: Sequence[int]
) -> Iterator[Html]:
    """Host nodes side by side, all below one hatching; without a host it is grey."""
    if piece.cell is None:
        return
    nodes = piece.host_nodes or (None,)
    for place, node in enumerate(nodes):
        start, end = width * place // len(nodes), width * (place + 1) // len(nodes)
        look = "band" if node is None else f"band {hue(node)}"
        yield box(at + start, end - start, size, _BOX + 1, _BAND - 1, look)
    yield hatched(at, width, size, _BOX + 1, _BAND - 1, hatching(piece.page_size, page_sizes))


def _leaving(part: Part, row: int, size: int) -> Html:
    piece, at = part.piece, part.start - row
    y = _BOX + _BAND + 2
    look = f"box unplug {hue(piece.cell or 0)}"
    inner = [element("title", piece.says), box(at, part.size, size, y, _LEAVING - 3, look)]
    text = f"- {piece.mark}"
    if (width := width_for([text], part.size, size)) is not None:
        middle = at + part.size // 2
        inner.append(label(middle, size, y + 12, text, f"from{width} bare"))
    return _group(part, inner)


def _labels(part: Part, at: int, size: int, high: int) -> Iterator[Html]:
    """The longest label that fits: in words, or in marks; bars that are narrower have none."""
    piece, middle = part.piece, at + part.size // 2
    look = "bare" if piece.kind != "dimm" and piece.kind != "boot" else piece.state
    if piece.cell is not None:
        look += f" {hue(piece.cell)}"
    short, long = _short(piece), _long(piece)
    lines = (high // 2 + 4,), (high // 2 - 3, high // 2 + 10)
    least = width_for(short, part.size, size)
    words = width_for(long, part.size, size)
    if words is not None:
        for y, text in zip(lines[len(long) - 1], long, strict=True):
            yield label(middle, size, y, text, f"from{words} {look}")
    if least is not None and least != words and short != long:
        until = f"to{words} " if words is not None else ""
        for y, text in zip(lines[len(short) - 1], short, strict=True):
            yield label(middle, size, y, text, f"from{least} {until}{look}")


def _short(piece: Piece) -> tuple[str, ...]:
    if piece.kind == "dimm":
        return f"{_SIGNS.get(piece.state, '')}{piece.mark}", f"c{piece.cell}"
    return (piece.mark or piece.name.partition(" ")[0],)


def _long(piece: Piece) -> tuple[str, ...]:
    if piece.cell is None:
        return (f"{piece.name}, {format_size(piece.size)}",)
    nodes = f" · node {format_ids(piece.host_nodes)}" if piece.host_nodes else ""
    where = f"cell {piece.cell}{nodes}"
    if piece.kind == "dimm":
        sign = _SIGNS.get(piece.state, "")
        return f"{sign}slot {piece.mark} · {format_size(piece.size)}", where
    if piece.kind == "boot":
        return f"boot · {format_size(piece.size)}", where
    return f"virtio-mem · {format_size(piece.given)} of {format_size(piece.size)}", where
