"""Boots the hosts and keeps them up until Ctrl-C: ``python -m tests.lab FOLDER``.

``SLOTSOLVER_LAB=FOLDER`` has the tests use them, instead of hosts of their own.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from pathlib import Path

from tests.lab.host import running
from tests.lab.shapes import SHAPES


def main(folder: Path) -> None:
    """Boot, say where they are, wait."""
    folder = folder.absolute()
    with contextlib.ExitStack() as stack:
        for name, shape in SHAPES.items():
            (folder / f"{name}.files").mkdir(parents=True, exist_ok=True)
            lab = stack.enter_context(running(shape, folder / f"{name}.files", folder))
            (folder / f"{name}.json").write_text(json.dumps(lab.ports))
            print(f"{name}: virsh -c {lab.uri}", flush=True)
        signal.pause()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]))
