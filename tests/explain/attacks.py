"""What an answer that there is no plan must hold to, asked of it and of the problem alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from pydantic import ValidationError

from slotsolver.constraints.guest_block import GuestBlock
from slotsolver.explain.rules import rules_of
from slotsolver.plan import Conflict, Infeasible, Remedy, Unhelpful
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, KiB, MiB, format_size, parse_size
from tests.explain.carrying_out import carried_out
from tests.explain.taking_back import has_plan, some_have_plans, without

MOST_TRIED = 40
"""Values of one number that are tried."""
MOST_WAYS = 300
"""Ways to take rules back of which none may give a plan; for several guests there are thousands."""
NUMBERS = (r"slots of guest .+", r"phys_bits of guest .+")


def every_rule(given: Problem) -> list[Conflict]:
    """The rules of a problem, as a conflict names them."""
    return [Conflict(rule=rule.name, says=rule.says, pool=rule.pool) for rule in rules_of(given)]


def check_conflicts(given: Problem, answer: Infeasible) -> None:
    """Each is irreducible: with every other rule taken back there is no plan, with one more there
    is. They share no rule."""
    if answer.conflict[0].rule == "sizes":
        return
    every, gone = every_rule(given), list[Conflict]()
    for members in (answer.conflict, *answer.further):
        assert not [member for member in members if member in gone]
        assert all(member in every for member in members)
        others = [rule for rule in every if rule not in members]
        assert not some_have_plans(islice(without(given, others), MOST_WAYS)), members
        if answer.irreducible:
            for member in members:
                assert some_have_plans(without(given, [*others, member])), member
        gone += members


def helps(given: Problem, change: str, from_: str, to: str, says: str = "") -> bool:
    """Whether a change gives a plan; one that makes no problem at all does not."""
    try:
        return some_have_plans(carried_out(given, change, from_, to, says))
    except ValidationError:
        return False


def check_remedies(given: Problem, answer: Infeasible) -> None:
    """Each alone gives a plan, and nothing that changes less does."""
    for remedy in answer.remedies:
        assert helps(given, remedy.change, remedy.from_, remedy.to, remedy.says), remedy
        if remedy.smallest:
            for to in less(given, remedy):
                assert not helps(given, remedy.change, remedy.from_, to), (remedy, to)


def less(given: Problem, remedy: Remedy) -> Iterator[str]:
    """Values nearer to what there is than what is advised; of many, those next to the latter."""
    change, from_, to = remedy.change, remedy.from_, remedy.to
    if re.fullmatch(r"free memory .*", change):
        yield from _sizes_between(from_, to, MiB)
    elif re.fullmatch(r".* pages of host node .*", change):
        yield from (f"{n} free" for n in _between(_count(from_), _count(to)))
    elif any(re.fullmatch(number, change) for number in NUMBERS):
        yield from map(str, _between(int(from_), int(to)))
    elif re.match(r"(target|maximum) of ", change) and _is_size(from_):
        if not change.startswith("target of guest") or not _runs(given, change):
            yield from _sizes_between(from_, to, 64 * MiB)
    elif change.startswith("policy ") and _is_size(from_) and _is_size(to):
        step = MiB if "memmap" in change or "guest-free" in change else _unit(given)
        if "guest-block" not in change and "page-size" not in change:
            yield from _sizes_between(from_, to, step)
    elif change.startswith("policy ") and from_.isdigit() and to.isdigit():
        yield from map(str, _between(int(from_), int(to)))


def _unit(given: Problem) -> int:
    """What the sizes of DIMMs differ by: the largest memory block of a guest."""
    blocks = [p.size for p in given.policies if isinstance(p, GuestBlock)]
    return max([128 * MiB, *blocks])


def _runs(given: Problem, change: str) -> bool:
    return any(g.running and change == f"target of guest {g.name}" for g in given.guests)


def _is_size(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)? ([KMGT]iB|B)", text))


def _count(text: str) -> int:
    return int(text.split()[0])


def _between(start: int, end: int, step: int = 1) -> Iterator[int]:
    """Those between, from the end on."""
    sign = 1 if end > start else -1
    yield from islice(range(end - sign * step, start, -sign * step), MOST_TRIED)


def _sizes_between(start: str, end: str, step: int) -> Iterator[str]:
    first = 0 if start.startswith("0 ") else parse_size(start)
    for size in _between(first, parse_size(end), step):
        yield format_size(size)


def check_unhelpful(given: Problem, answer: Infeasible) -> None:
    """No value of these numbers gives a plan."""
    for number in answer.unhelpful:
        for to in values(given, number):
            assert not helps(given, number.change, number.from_, to), (number, to)


def values(given: Problem, number: Unhelpful) -> Iterable[str]:
    """Values that a number may have instead: all of few, the boldest of many."""
    change, from_ = number.change, number.from_
    kind = next((k for k in SCALES if re.fullmatch(k, change)), None)
    if kind is not None:
        return SCALES[kind](given, change, from_)
    if change.startswith("policy ") and len(change.split()) == 2:
        return ["dropped"]
    return ()


def _guest_of(given: Problem, change: str) -> Guest:
    return next(g for g in given.guests if change.endswith(f"guest {g.name}"))


def _targets(given: Problem, change: str, from_: str) -> Iterable[str]:
    guest = _guest_of(given, change)
    if not _is_size(from_) or guest.running:
        return []
    start = guest.boot_size or 128 * MiB
    most = guest.maximum_size if guest.maximum is not None else guest.target_size + GiB
    step = 128 * MiB if most < 8 * GiB else 512 * MiB
    return [format_size(s) for s in range(start, most + 1, step) if format_size(s) != from_]


def _maxima(given: Problem, change: str, from_: str) -> Iterable[str]:
    guest = _guest_of(given, change)
    low = guest.target_size
    step = 128 * MiB if low < 4 * GiB else 512 * MiB
    sizes = range(low, low + 24 * step, step)
    if isinstance(guest.maximum, dict) or hasattr(guest.maximum, "at_least"):
        sizes = range(low, guest.maximum_size, step)
    return [format_size(s) for s in sizes if format_size(s) != from_]


def _more_free(given: Problem, change: str, _: str) -> Iterable[str]:
    node = given.host.node(int(change.split()[-1])) if given.host else None
    assert node is not None
    huge = sum(pool.total * pool.page_size for pool in node.pools)
    most = (node.memory - huge) // MiB * MiB
    return [format_size(size) for size in {most} if size > node.free]


def _more_pages(given: Problem, change: str, from_: str) -> Iterable[str]:
    assert given.host is not None
    words = change.split()
    size, node = parse_size(f"{words[0]} {words[1]}"), given.host.node(int(words[-1]))
    most = node.free // size
    found = sorted({1, most // 4, most // 2, 3 * most // 4, most} - {0})
    return [f"{_count(from_) + more} free" for more in found if more <= most]


def _slots(_: Problem, __: str, from_: str) -> Iterable[str]:
    return [str(slots) for slots in (*range(int(from_) + 1, int(from_) + 8), 32)]


SCALES: dict[str, Any] = {
    r"free memory of host node \d+": _more_free,
    r"\d+ \w+ pages of host node \d+": _more_pages,
    r"slots of guest .+": _slots,
    r"phys_bits of guest .+": lambda *_: ["46", "52"],
    r"target of guest .+": _targets,
    r"maximum of guest .+": _maxima,
    r"waypoints of guest .+": lambda *_: ["none"],
    r"boot memory of guest .+": lambda *_: ["open"],
    r"host nodes of each cell of guest .+": lambda *_: ["several"],
    r"pages of the DIMMs of guest .+": lambda given, *_: [
        format_size(size)
        for size in (4 * KiB, 2 * MiB, GiB)
        if given.host and given.host.has_pool(size)
    ],
    r"policy (step|shrinkable-to|per-step) size": lambda *_: ["2 GiB", "4 GiB"],
    r"policy slots at_most": lambda *_: ["16", "64"],
    r"policy slots exactly": lambda *_: [str(n) for n in range(12)],
    r"policy memslots limit": lambda *_: ["64"],
    r"policy max-operations count": lambda *_: ["64"],
    r"policy balance tolerance": lambda *_: ["2 GiB", "8 GiB"],
    r"policy memmap free": lambda *_: ["512 MiB"],
    r"policy guest-free size": lambda *_: ["512 MiB"],
    r"policy headroom pages": lambda *_: ["0"],
}


def check_together(given: Problem, answer: Infeasible) -> None:
    """All of the changes give a plan, and none of them can be left out."""
    changing = [remedy for remedy in answer.remedies if "which it has" not in remedy.says]
    assert not (changing and answer.together)
    if not answer.together:
        return
    assert len(answer.together) > 1
    assert _all_done(given, answer.together), answer.together
    for left_out in answer.together:
        rest = [remedy for remedy in answer.together if remedy is not left_out]
        assert not _all_done(given, rest), left_out


def _all_done(given: Problem, remedies: Iterable[Remedy]) -> bool:
    problems = [given]
    for r in remedies:
        found = (carried_out(p, r.change, r.from_, r.to, r.says) for p in problems)
        problems = list(chain.from_iterable(found))
    return any(map(has_plan, problems))


def check(given: Problem, answer: Infeasible) -> None:
    """All of this."""
    check_conflicts(given, answer)
    check_remedies(given, answer)
    check_unhelpful(given, answer)
    check_together(given, answer)
