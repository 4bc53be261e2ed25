"""Hosts of several nodes for the tests, booted once and shared."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.desk import Desk
from tests.lab.host import Lab, running
from tests.lab.shapes import SHAPES
from tests.real.conftest import absent
from tests.real.debian import NoLinuxError

Boot = Callable[[str], Lab]


@pytest.fixture(scope="session")
def boot() -> Iterator[Boot]:
    """Boots a host by the name of its shape, once; it runs until the session ends.

    ``SLOTSOLVER_LAB`` names the folder of hosts that run already (:mod:`tests.lab.__main__`).
    """
    labs: dict[str, Lab] = {}
    there = os.environ.get("SLOTSOLVER_LAB")
    # Not pytest's tmp_path: the path of a Unix socket has 107 bytes at most.
    root = Path(tempfile.mkdtemp(prefix="slotsolver-lab-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)

        def booted(name: str) -> Lab:
            shape, files = SHAPES[name], root / f"{name}.files"
            if there:
                ports = json.loads((Path(there) / f"{name}.json").read_text())
                return Lab(shape, ports, Path(there) / f"{name}.files/console")
            if name not in labs:
                files.mkdir()
                labs[name] = stack.enter_context(running(shape, files, root))
            return labs[name]

        yield booted


def host(boot: Boot, name: str) -> Iterator[Lab]:
    """A host without domains, whose pools are as they were when the test is over."""
    try:
        lab = boot(name)
    except NoLinuxError as error:
        absent("lab host", str(error))
        raise
    yield lab
    for domain in lab.domains():
        lab.forget(domain)
    for node, made in enumerate(lab.shape.nodes):
        for page_size, total in made.huge.items():
            lab.reserve(node, page_size, total)
    assert all(total == free for total, free in lab.pools().values())


@pytest.fixture
def four(boot: Boot) -> Iterator[Lab]:
    """The host of four nodes."""
    yield from host(boot, "four")


@pytest.fixture
def odd(boot: Boot) -> Iterator[Lab]:
    """The host with a node without memory and one without processors."""
    yield from host(boot, "odd")


@pytest.fixture
def desk(four: Lab, tmp_path: Path) -> Desk:
    """A person who plans for the host of four nodes."""
    return Desk(four, tmp_path)
