"""What the checker says of a bad plan is what a real QEMU prints when it gets that plan."""

from __future__ import annotations

from types import ModuleType

import pytest

from slotsolver.checker import check_plan
from slotsolver.plan import Plan
from slotsolver.size import GiB, MiB
from tests.checker.builders import BASE, good_plan, good_problem, with_cell, with_dimm, with_guest

GOOD = good_plan()


def arguments(plan: Plan) -> list[str]:
    """QEMU's arguments for a plan with everything plugged, on ordinary pages."""
    (guest,) = plan.guests
    ram = sum(c.boot for c in guest.cells)
    line = ["-machine", "q35", "-smp", "4", "-m"]
    line.append(f"size={ram >> 10}k,slots={guest.slots},maxmem={guest.maximum >> 10}k")
    for cell in guest.cells:
        line += ["-object", f"memory-backend-ram,id=ram{cell.id},size={cell.boot},reserve=off"]
        line += ["-numa", f"node,cpus={2 * cell.id}-{2 * cell.id + 1},memdev=ram{cell.id}"]
    for number, dimm in enumerate(guest.dimms):
        line += ["-object", f"memory-backend-ram,id=m{number},size={dimm.size},reserve=off"]
        device = f"pc-dimm,memdev=m{number},id=dimm{dimm.slot},slot={dimm.slot},node={dimm.cell}"
        line += ["-device", f"{device},addr={dimm.address}"]
    return line


BAD = {
    "maximum below boot memory": with_guest(GOOD, maximum=GiB),
    "maximum is boot memory": with_guest(GOOD, maximum=2 * GiB),
    "too many slots": with_guest(GOOD, slots=257),
    "phys-bits too low": with_guest(GOOD, maximum=900 * GiB, slots=256),
    "empty cell": with_cell(GOOD, 0, boot=0),
    "size not aligned": with_dimm(GOOD, 3, size=512 * MiB + MiB),
    "address not aligned": with_dimm(GOOD, 3, address=BASE + 3 * GiB + MiB),
    "below the window": with_dimm(GOOD, 0, address=3 * GiB),
    "above the window": with_dimm(GOOD, 3, address=BASE + 15 * GiB // 2),
    "not enough space": with_dimm(GOOD, 3, size=2 * GiB),
    "overlap": with_dimm(GOOD, 1, address=BASE + 512 * MiB),
}


def test_the_good_plan_starts(qemu: ModuleType) -> None:
    """The plan that the bad ones are made of is taken by QEMU."""
    assert qemu.accepts(arguments(GOOD), vendor="GenuineIntel") == (True, "")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_plan_is_refused_with_our_text(qemu: ModuleType, name: str) -> None:
    """QEMU's text is one of the violations of the stage ``start``."""
    accepted, printed = qemu.accepts(arguments(BAD[name]), vendor="GenuineIntel")
    ours = [v.says for v in check_plan(good_problem(), BAD[name]) if v.stage == "start"]
    assert not accepted
    assert any(printed.endswith(says) for says in ours), f"{printed}\n{ours}"
