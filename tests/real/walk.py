"""Random walks of resizes: which sizes and policies are drawn, and what the walk has come upon."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from slotsolver import InputError, Plan
from slotsolver.plan import PlannedGuest
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.real.resizing import Resized

Document = dict[str, Any]

BLOCK = 128 * MiB
ENOUGH = 20
"""Draws in a row without anything to do, after which something is wrong with the walk."""


def walk(guest: Resized, steps: int, seed: int, **drawn: Any) -> Counter[str]:
    """Resize the guest ``steps`` times, each time to another size drawn at random, and compare all
    that there is to compare after each; what it has come upon, counted.

    ``drawn`` are keywords of :func:`draw`.
    """
    rng = random.Random(seed)  # noqa: S311 - a draw that repeats is wanted
    cold = {device.alias for device in guest.now().devices}
    met: Counter[str] = Counter()
    for _ in range(steps):
        problem, plan = next_resize(guest, rng, met, **drawn)
        met.update(features(problem.guests[0], plan.guests[0], cold))
        with told(problem):
            guest.carry_out(problem, plan)
        cold &= {device.alias for device in guest.now().devices}
    return met


def next_resize(
    guest: Resized, rng: random.Random, met: Counter[str], **drawn: Any
) -> tuple[Problem, Plan]:
    """A resize with something to do, and its plan; other sizes and policies have none."""
    for _ in range(ENOUGH):
        target, policies = draw(rng, guest.now(), **drawn)
        problem = guest.problem(target, policies)
        try:
            with told(problem):
                plan = solve(problem, reasons="none")
        except InputError:
            met["refused"] += 1
            continue
        if isinstance(plan, Plan) and plan.guests[0].operations:
            return problem, plan
        met["nothing to do" if isinstance(plan, Plan) else plan.status] += 1
    raise AssertionError(f"{ENOUGH} draws in a row were none: {met}")


@contextlib.contextmanager
def told(problem: Problem) -> Iterator[None]:
    """Whatever is raised carries the problem, to be solved again without a guest."""
    try:
        yield
    except Exception as error:
        error.add_note(problem.model_dump_json(exclude_unset=True))
        raise


def draw(
    rng: random.Random, guest: Guest, *, unit: int = BLOCK, extra: Sequence[Document] = ()
) -> tuple[Any, list[Document]]:
    """A target, for all or for each cell, in multiples of ``unit``, and policies; one of ``extra``
    is among these."""
    room = (guest.maximum_size - (guest.boot_size or 0)) // unit
    target: Any = (guest.boot_size or 0) + unit * rng.randint(0, room)
    if rng.random() < 0.4:
        shares = [rng.randint(0, room // len(guest.cells)) for _ in guest.cells]
        target = {
            c.id: (c.memory or 0) + unit * n for c, n in zip(guest.cells, shares, strict=True)
        }
    largest = rng.choice([256 * MiB, 512 * MiB, GiB, GiB])
    policies: list[Document] = [{"kind": "sizes", "maximum": largest}]
    distance = rng.choice(["exact", "below", "above", "nearest"])
    policies.append({"kind": "accept", "distance": distance})
    if rng.random() < 0.4:
        policies.append({"kind": "swap"})
    policies += rng.sample(wishes(rng, guest), rng.choice([0, 0, 1, 2]))
    return target, [*policies, *([rng.choice(extra)] if extra else [])]


def wishes(rng: random.Random, guest: Guest) -> list[Document]:
    """Policies that may come on top."""
    slots = [device.slot for device in guest.devices if device.takes_slot]
    orders: list[Any] = ["highest-slot", "lowest-slot", "largest", "smallest"]
    wanted: list[Document] = [
        {"kind": "max-operations", "count": rng.randint(1, 5)},
        {"kind": "per-step", "size": rng.choice([256 * MiB, 512 * MiB])},
        {"kind": "balance", "tolerance": rng.choice([256 * MiB, GiB])},
    ]
    if slots:
        orders.append(slots[:2])
        wanted.append({"kind": "keep", "slots": rng.sample(slots, min(2, len(slots)))})
    return [*wanted, {"kind": "unplug-order", "order": rng.choice(orders)}]


def features(guest: Guest, planned: PlannedGuest, cold: set[str | None]) -> Iterator[str]:
    """What a resize has to do with."""
    done = {operation.do for operation in planned.operations}
    yield from done
    yield "a target per cell" if isinstance(guest.target, dict) else "a target"
    if {"plug", "unplug"} <= done:
        yield "swap"
    if planned.memory != planned.wanted:
        yield "nearest"
    if cold & {o.device for o in planned.operations if o.do == "unplug"}:
        yield "cold unplug"
    stays = [d.address for d in planned.dimms if d.state == "present"]
    stays += [v.address for v in planned.virtio_mem]
    if any(d.address < max(stays, default=0) for d in planned.dimms if d.state == "plug"):
        yield "hole filled"
    used = {d.slot for d in guest.devices}
    if any(d.slot in used for d in planned.dimms if d.state == "plug"):
        yield "slot reused at once"
    for virtio in planned.virtio_mem:
        if virtio.before is not None and virtio.requested != virtio.before:
            yield "virtio-mem " + ("up" if virtio.requested > virtio.before else "down")
