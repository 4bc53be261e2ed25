"""The tables and lists of a plan for the browser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slotsolver.export import wording
from slotsolver.export.markup import Child, Html, element, join
from slotsolver.export.svg_parts import chip, hatching, hue
from slotsolver.fields import format_ids
from slotsolver.plan import (
    Destination,
    Infeasible,
    ObjectiveValue,
    Plan,
    PlannedCell,
    PlannedDimm,
    PlannedGuest,
    PlannedVirtioMem,
    Remedy,
)
from slotsolver.size import format_size

_MANY_STAGES = 5


def table(
    head: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    right: int = 0,
    first: str | None = None,
) -> Html:
    """A table; the last ``right`` columns hold numbers, ``first`` is the first one's class."""
    left = len(head) - right

    def row(tag: str, cells: Sequence[Child]) -> Html:
        looks = [None if place < left else "number" for place in range(len(cells))]
        looks[0] = looks[0] or first
        written = [element(tag, c, class_=look) for c, look in zip(cells, looks, strict=True)]
        return element("tr", written)

    body = element("tbody", [row("td", cells) for cells in rows])
    inner = element("table", element("thead", row("th", head)), body)
    return element("div", inner, class_="wide")


def backing(piece: PlannedCell | PlannedDimm | PlannedVirtioMem, page_sizes: Sequence[int]) -> Html:
    """Page size and host nodes, with the band that stands for them in the picture."""
    pattern = hatching(piece.page_size, page_sizes)
    looks = [f"band {hue(node)}" for node in piece.host_nodes] or ["band"]
    nodes = f", node {format_ids(piece.host_nodes)}" if piece.host_nodes else ""
    return join([chip(look, pattern) for look in looks], f"{format_size(piece.page_size)}{nodes}")


def cells(planned: PlannedGuest, page_sizes: Sequence[int]) -> Html:
    """Cells by stages, and a row for their sum; turned over where there are many stages."""
    groups = wording.cell_groups(planned)
    names = [_cell_name(group) for group in groups]
    backed = [backing(group[0], page_sizes) for group in groups]
    stages = planned.stages
    if len(stages) > max(_MANY_STAGES, len(groups)):
        head: list[Child] = ["stage", "all"]
        head += [join(name, element("br"), b) for name, b in zip(names, backed, strict=True)]
        turned = [
            [stage.name, format_size(stage.memory)]
            + [format_size(stage.cells[group[0].id]) for group in groups]
            for stage in stages
        ]
        return table(head, turned, right=len(head) - 1)
    rows: list[list[Child]] = [
        [name, b, *(format_size(stage.cells[group[0].id]) for stage in stages)]
        for name, b, group in zip(names, backed, groups, strict=True)
    ]
    if len(planned.cells) > 1:
        rows.append(["all", "", *(format_size(stage.memory) for stage in stages)])
    return table(["cell", "pages", *(s.name for s in stages)], rows, right=len(stages))


def _cell_name(group: Sequence[PlannedCell]) -> Html:
    chips = [element("span", chip(f"box {hue(cell.id)}"), cell.id) for cell in group]
    return element("span", chips, "each" if len(group) > 1 else None, class_="cells")


def dimms(planned: PlannedGuest, page_sizes: Sequence[int]) -> Html:
    """DIMMs, equal ones of a cell and stage in one row."""
    if not planned.dimms:
        return Html("")
    rows = [
        [
            format_ids(d.slot for d in group).replace(",", ", "),
            f"{len(group)} x {format_size(group[0].size)}",
            str(group[0].cell),
            backing(group[0], page_sizes),
            wording.state(planned, group[0]),
            element("code", wording.addresses(group)),
        ]
        for group in wording.dimm_groups(planned)
    ]
    head = ["slots", "DIMMs", "cell", "pages", "state", "addresses"]
    return join(element("h3", "DIMMs"), table(head, rows, first="slots"))


def every_dimm(planned: PlannedGuest, page_sizes: Sequence[int]) -> Html:
    """Each DIMM with its address, which a reader may open and print always has."""
    if not planned.dimms:
        return Html("")
    rows = [
        [
            f"{dimm.slot}",
            format_size(dimm.size),
            str(dimm.cell),
            backing(dimm, page_sizes),
            wording.state(planned, dimm),
            element("code", f"{dimm.address:#x} - {dimm.address + dimm.size - 1:#x}"),
        ]
        for dimm in sorted(planned.dimms, key=lambda d: (d.slot, d.state != "unplug"))
    ]
    head = ["slot", "size", "cell", "pages", "state", "addresses"]
    summary = element("summary", "every DIMM with its address")
    return element("details", summary, table(head, rows), class_="every")


def virtio_mem(planned: PlannedGuest, page_sizes: Sequence[int]) -> Html:
    """virtio-mem devices: what was requested of them, what is now, what will be at the maximum."""
    if not planned.virtio_mem:
        return Html("")
    rows = [
        [
            device.alias or f"virtiomem{device.number}",
            str(device.cell),
            backing(device, page_sizes),
            element("code", f"{device.address:#x}" if device.address else "not known"),
            format_size(device.size),
            format_size(device.block),
            "new" if device.before is None else format_size(device.before),
            format_size(device.requested),
            format_size(device.stages[-1]),
        ]
        for device in planned.virtio_mem
    ]
    sizes = ["size", "block", "before", "now", "maximum"]
    head = ["device", "cell", "pages", "address", *sizes]
    return join(element("h3", "virtio-mem"), table(head, rows, right=len(sizes)))


def operations(planned: PlannedGuest) -> Html:
    """What is to be done on a running guest, in order, and its size after each."""
    if not planned.operations:
        return Html("")
    rows: list[list[Child]] = []
    for number, todo in enumerate(planned.operations, 1):
        slot = todo.slot is not None
        size = format_size(todo.size)
        rows.append(
            [
                str(number),
                element("b", todo.do, class_=todo.do),
                f"slot {todo.slot}" if slot else todo.device,
                str(todo.cell),
                size if slot else f"to {size}",
                element("code", _address(planned, todo.slot, todo.number, todo.do)),
                format_size(todo.memory),
            ]
        )
    head = ["", "do", "device", "cell", "size", "address", "guest then"]
    return join(element("h3", "Operations, in this order"), table(head, rows, right=1))


def _address(planned: PlannedGuest, slot: int | None, number: int | None, do: str) -> str:
    found = [d.address for d in planned.dimms if do != "resize" and (d.slot, d.state) == (slot, do)]
    found += [v.address for v in planned.virtio_mem if do == "resize" and v.number == number]
    return f"{found[0]:#x}" if found else ""


def growth(planned: PlannedGuest) -> Html:
    """What of the growth cannot be reached any more, and where the plan leaves what was planned."""
    says = wording.growth_left(planned)
    items = [element("li", element("b", "growth: "), says)] if says else []
    items += [element("li", element("b", "not as planned: "), d) for d in planned.departures]
    return element("ul", items, class_="notes") if items else Html("")


def destination(place: Destination, page_sizes: Sequence[int]) -> Html:
    """Where the guests' cells lie on a host to migrate to."""
    rows = [
        [element("bdi", guest.name), str(cell.id), backing(cell, page_sizes)]
        for guest in place.guests
        for cell in guest.cells
    ]
    return table(["guest", "cell", "pages"], rows)


def objectives(plan: Plan) -> Html:
    """Values and bounds, the first one first."""
    if not plan.objectives:
        return Html("")
    rows = [[o.kind, wording.value(o, o.value), _proof(o)] for o in plan.objectives]
    head = ["objective", "value", "bound"]
    return join(element("h3", "Objectives"), table(head, rows, right=2))


def _proof(objective: ObjectiveValue) -> Html:
    proven = objective.value == objective.bound
    return element("span", wording.proof(objective), class_="good" if proven else "open")


def notes(plan: Plan) -> Html:
    """What has to be said beside."""
    items = [element("li", note) for note in plan.notes]
    return join(element("h3", "Notes"), element("ul", items, class_="notes")) if items else Html("")


def why_not(answer: Infeasible) -> Html:
    """What contradicts each other, and what would help."""
    intro = "These rules contradict each other; without any one of them the others would not:"
    if not answer.irreducible:
        intro = "These rules contradict each other; some of them may not be needed for that:"
    found: list[Html] = []
    for conflict in (answer.conflict, *answer.further):
        members = [
            element("li", element("b", rule), " ", sentence(says))
            for rule, says in wording.conflict_members(conflict)
        ]
        found += [element("p", intro), element("ul", members, class_="conflict")]
        intro = "So do these, whatever becomes of those above:"
    return join(found, _changes(answer))


def _changes(answer: Infeasible) -> Html:
    found: list[Child] = []
    if answer.remedies:
        found.append(element("p", "Each of these changes alone makes it possible:"))
        found.append(_remedies(answer.remedies))
    if answer.together:
        found.append(element("p", "No change alone helps. These together do, and cost least:"))
        found.append(_remedies(answer.together))
    if answer.complete and not (answer.remedies or answer.together):
        says = "No change of any one number helps, and none of several was found."
        found.append(element("p", says))
    if answer.unhelpful:
        items = [
            element("li", f"{number.change}, now {number.from_}") for number in answer.unhelpful
        ]
        found.append(element("p", "No change of one of these alone helps:"))
        found.append(element("ul", items, class_="facts"))
    if not answer.complete:
        found.append(element("p", "The search for what would help was ended early."))
    return element("section", element("h3", "What would help"), found)


def _remedies(changes: Sequence[Remedy]) -> Html:
    items = []
    for change in changes:
        says = change.says if change.smallest else f"{change.says} (less may do)"
        command = element("pre", change.command) if change.command else None
        items.append(element("li", sentence(says), command))
    return element("ul", items, class_="remedies")


def sentence(says: str) -> list[Child]:
    """A sentence in which names of fields stand between backticks."""
    parts = says.split("`")
    if len(parts) % 2 == 0:
        return [says]
    return [element("code", part) if place % 2 else part for place, part in enumerate(parts)]
