"""A virsh that answers what it is told to, for what cannot be provoked with the real one.

It reads rules from a JSON file: ``[part, answer, status, times]``. The first rule whose part is in
the command line and that has been used fewer times answers; each use counts. Every call is noted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Note the call and answer it."""
    arguments = sys.argv[1:]
    rules = json.loads((HERE / "rules.json").read_text())
    for rule in rules:
        part, answer, status, times = rule
        if part in " ".join(arguments) and times:
            rule[3] -= 1
            break
    else:
        answer, status = "", 0
    (HERE / "rules.json").write_text(json.dumps(rules))
    given = sys.stdin.read() if "/dev/stdin" in arguments else None
    with (HERE / "calls.json").open("a") as calls:
        calls.write(json.dumps([arguments, given]) + "\n")
    sys.stdout.write(answer)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
