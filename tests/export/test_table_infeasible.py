"""Why there is no plan, as a page: short for who wants to go on, long for who wants to know."""

from __future__ import annotations

import io

from rich.console import Console

from slotsolver.export.table_infeasible import SHORT, render_infeasible
from slotsolver.plan import Conflict, Infeasible, PoolFacts, Remedy, Unhelpful
from tests.conftest import Golden

PAGE = 2 << 20


def pool(node: int, free: int) -> Conflict:
    """A rule about the pages of a host node."""
    says = f"host node {node} has {free} free pages of 2 MiB ({2 * free} MiB)"
    return Conflict(rule="pool", says=says, pool=PoolFacts(node=node, page_size=PAGE, free=free))


def remedy(says: str, to: str = "16", **more: object) -> Remedy:
    """A change that helps."""
    change = says.partition(":")[0].removeprefix("without ")
    return Remedy.model_validate({"change": change, "from": "8", "to": to, "says": says, **more})


ANSWER = Infeasible(
    conflict=(
        Conflict(rule="slots", says="guest db1 has 8 memory slots"),
        Conflict(
            rule="policy step",
            says="every step of growth is at most 512 MiB, and this sentence is so long that it "
            "goes on below itself",
        ),
        *(pool(node, 64) for node in (0, 1, 2, 5)),
        pool(3, 128),
    ),
    remedies=(
        remedy(
            "reserve 3 more 2 MiB pages on host node 3",
            command="virsh allocpages 2M 3 --cellno 3 --add",
        ),
        remedy("guest db1: `slots` 16 instead of 8", smallest=False),
        *(remedy(f"policy step: `size` {n} GiB instead of 512 MiB") for n in range(1, SHORT)),
        remedy("without policy step: every step of growth", "dropped"),
        remedy("without policy slots: at most 8", "dropped"),
    ),
    unhelpful=(
        Unhelpful.model_validate(
            {"change": "phys_bits of guest db1", "from": "40", "says": "no change of it helps"}
        ),
    ),
)


def printed(answer: Infeasible, *, long: bool = False) -> str:
    """The page, 80 columns wide."""
    out = io.StringIO()
    render_infeasible(answer, Console(file=out, width=80), long=long)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def test_short(golden: Golden) -> None:
    """Equal pools on one line, the changes that cost least, and how many there are besides."""
    golden(printed(ANSWER), "export/infeasible-short.table")


def test_long(golden: Golden) -> None:
    """Every change, and the numbers that do not help."""
    golden(printed(ANSWER, long=True), "export/infeasible-long.table")


def test_what_helps_together(golden: Golden) -> None:
    """Several conflicts, of which no single change removes all."""
    answer = ANSWER.model_copy(
        update={
            "remedies": (),
            "together": ANSWER.remedies[:2],
            "further": ((pool(3, 1), Conflict(rule="boot", says="guest db2 boots with 4 GiB")),),
        }
    )
    golden(printed(answer), "export/infeasible-together.table")


def test_what_is_not_known_is_said() -> None:
    """A conflict that may be smaller, a search that was ended, one that found nothing."""
    bare = ANSWER.model_copy(update={"remedies": ()})
    assert "No change of any one number helps" in printed(bare)
    open_ = ANSWER.model_copy(update={"irreducible": False, "complete": False})
    assert "some of them may not be needed for that" in printed(open_)
    assert "was ended early" in printed(open_)
    assert "No change" not in printed(bare.model_copy(update={"complete": False}))
