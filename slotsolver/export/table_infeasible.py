"""Why there is no plan and what would help, as a page for the terminal.

The short form fits on a screen: what contradicts each other, the changes that cost least. The long
one leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from slotsolver.export.table_parts import print_entry, print_item
from slotsolver.export.wording import conflict_members
from slotsolver.plan import Infeasible, Remedy

SHORT = 6
"""Changes that the short form shows."""


def render_infeasible(answer: Infeasible, console: Console, *, long: bool = False) -> None:
    """Print why there is no plan and what would help."""
    console.print(Text("No plan exists; that is proven.", style="bold red"))
    _print_conflicts(answer, console)
    if answer.remedies:
        console.print("\nEach of these changes alone makes it possible:")
        _print_changes(answer.remedies, console, long=long)
    if answer.together:
        console.print("\nNo change alone helps. These together do, and cost least:")
        _print_changes(answer.together, console, long=True)
    if answer.unhelpful and long:
        console.print("\nNo change of one of these alone helps:")
        for number in answer.unhelpful:
            print_entry(console, f"{number.change}, now {number.from_}")
    elif answer.complete and not (answer.remedies or answer.together):
        console.print("\nNo change of any one number helps, and none of several was found.")
    if not answer.complete:
        console.print("\nThe search for what would help was ended early.")


def _print_conflicts(answer: Infeasible, console: Console) -> None:
    intro = "These rules contradict each other; without any one of them the others would not:"
    if not answer.irreducible:
        intro = "These rules contradict each other; some of them may not be needed for that:"
    for conflict in (answer.conflict, *answer.further):
        console.print(f"\n{intro}")
        for rule, says in conflict_members(conflict):
            print_item(console, rule, says, "red")
        intro = "So do these, whatever becomes of those above:"


def _print_changes(changes: Sequence[Remedy], console: Console, *, long: bool) -> None:
    numbers = [change for change in changes if long or change.to != "dropped"]
    for change in numbers if long else numbers[:SHORT]:
        _print_change(change, console)
    left = len(changes) - len(numbers if long else numbers[:SHORT])
    dropped = [change.change for change in changes if change.to == "dropped"]
    if dropped and not long:
        left -= len(dropped)
        print_entry(console, f"or without {', '.join(dict.fromkeys(dropped))}")
    if left:
        console.print(f"   … and {left} more, which `slotsolver explain` shows")


def _print_change(change: Remedy, console: Console) -> None:
    says = change.says if change.smallest else f"{change.says} (less may do)"
    print_entry(console, says)
    if change.command:
        console.print(f"     {change.command}", style="green", soft_wrap=True, highlight=False)
