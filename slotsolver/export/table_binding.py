"""What holds a plan back and why its cells lie where they lie, as a page for the terminal, about 80
columns wide. Nothing is said by colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slotsolver.explain.compare import effect_text
from slotsolver.fields import format_ids
from slotsolver.plan import Binding, Elsewhere, Explanation, Placing, Plan
from slotsolver.size import format_size


def render_explanation(answer: Explanation, console: Console) -> None:
    """Print the guests, what holds the plan back, what it uses up, and why cells are where they
    are."""
    _print_plan(answer.plan, console)
    _print_binding(answer, console)
    _print_tight(answer.rules, console)
    _print_others(answer.rules, console)
    _print_places(answer.places, console)
    if not answer.complete:
        console.print("\nThe search was ended early; more can be known.", highlight=False)


def _print_plan(plan: Plan, console: Console) -> None:
    for guest in plan.guests:
        line = f"  {format_size(guest.memory)} now"
        if guest.maximum > guest.memory:
            line += f", up to {format_size(guest.maximum)}"
        line += f"; {guest.slots} slots, largest DIMM {format_size(guest.step)}"
        console.print(Text.assemble((guest.name, "bold"), line))
    if plan.status == "feasible":
        console.print(Text("This plan is not proven to be the best one.", style="bold yellow"))


# --- rules ---


def _print_binding(answer: Explanation, console: Console) -> None:
    binding = [rule for rule in answer.rules if rule.effects]
    if not binding:
        return
    console.print("\nWhat holds the plan back, and what would be without it:", highlight=False)
    order = [objective.kind for objective in answer.plan.objectives]
    for rules in sorted(_joined(binding), key=lambda r: order.index(r[0].effects[0].kind)):
        head, says = _told(rules)
        lines = [_gain(rules[0])]
        lines += [f"used up: {rule.uses}" for rule in rules if rule.tight and not rule.pool]
        lines += [
            f"used up on host node {rule.pool.node}: {rule.uses}"
            for rule in rules
            if rule.tight and rule.pool
        ]
        _print_entry(console, head, says, lines)


def _joined(rules: Sequence[Binding]) -> list[list[Binding]]:
    """Pools of one page size whose first gain is the same are told together."""
    groups: dict[object, list[Binding]] = {}
    for place, rule in enumerate(rules):
        key: object = place
        if rule.pool is not None:
            first = rule.effects[0]
            key = (rule.pool.page_size, first.kind, first.then)
        groups.setdefault(key, []).append(rule)
    return list(groups.values())


def _told(rules: Sequence[Binding]) -> tuple[str, str]:
    pools = [rule.pool for rule in rules if rule.pool is not None]
    if len(pools) < 2:
        return rules[0].rule, rules[0].says
    page = format_size(pools[0].page_size)
    nodes = format_ids(pool.node for pool in pools)
    return "pools", f"free pages of {page} on each of host nodes {nodes}, one of them alone"


def _gain(rule: Binding) -> str:
    """What would be gained, then what else would be different. A value that is not proven may be
    even less."""
    first, *others = rule.effects
    text = effect_text(first)
    if not first.proven:
        text += " (or even less)"
    if others:
        text += "; with that " + ", ".join(effect_text(other) for other in others)
    return f"{'without it' if rule.pool is None else 'with enough of them'}: {text}"


def _print_tight(rules: Sequence[Binding], console: Console) -> None:
    tight = [rule for rule in rules if rule.tight and not rule.effects]
    if not tight:
        return
    gains = all(rule.binds is False for rule in tight)
    more = ", though nothing would be gained without it" if gains else ""
    console.print(f"\nUsed up{more}:", highlight=False)
    for rule in tight:
        _print_entry(console, rule.rule, rule.says, [rule.uses])


def _print_others(rules: Sequence[Binding], console: Console) -> None:
    """How many rules are not told of, and which are not known."""
    idle = sum(rule.binds is False and not rule.tight for rule in rules)
    if idle:
        other = "other rule" if idle < len(rules) else "rule"
        plural = "s hold" if idle > 1 else " holds"
        console.print(f"\n{idle} {other}{plural} nothing back.", highlight=False)
    unknown = [r for r in rules if r.binds is None and not r.effects and not r.tight]
    if unknown:
        names = ", ".join(dict.fromkeys(rule.rule for rule in unknown))
        console.print(f"\nNot known whether these hold it back: {names}", highlight=False)


def _print_entry(console: Console, head: str, says: str, lines: Iterable[str]) -> None:
    """An entry of a list; what it says, then more lines below."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    text = Text.assemble((f"{head}: ", "bold"), says)
    for line in lines:
        text.append(f"\n{line}", "green")
    grid.add_row(" •", text)
    console.print(grid)


# --- cells ---


def _print_places(places: Sequence[Placing], console: Console) -> None:
    if not places:
        return
    console.print("\nWhy cells are on their host nodes:\n", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", collapse_padding=True)
    table.add_column("cell", overflow="fold")
    table.add_column("node", no_wrap=True)
    table.add_column("instead on", no_wrap=True)
    table.add_column("would be", overflow="fold")
    several = len({place.guest for place in places}) > 1
    for place in places:
        name = f"{place.guest} " if several else ""
        first = [f"{name}{format_ids(place.cells)}", format_ids(place.host_nodes)]
        for nodes, says in _rows(place):
            table.add_row(*first, nodes, says)
            first = ["", ""]
    console.print(table)


def _rows(place: Placing) -> Iterator[tuple[str, str]]:
    """Other host nodes, and what would be there; those of which the same is told together."""
    if place.bound or not place.elsewhere:
        yield "", place.bound or "not asked about"
        return
    told: dict[str, list[Elsewhere]] = {}
    for other in place.elsewhere:
        says = other.says if other.outcome != "as-good" else "as good"
        told.setdefault(says, []).append(other)
    for says, others in told.items():
        yield format_ids(node for other in others for node in other.host_nodes), says
