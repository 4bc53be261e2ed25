"""A person who plans for a lab host: asks it, runs ``slotsolver``, gives it the answer."""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from slotsolver.cli import main
from slotsolver.plan import Infeasible, Plan
from tests.lab.host import Lab
from tests.real.domains import Files
from tests.real.libvirtd import ENVIRONMENT

OK, INFEASIBLE = 0, 3
"""Exit codes."""


@dataclass
class Desk(Files):
    """A folder of files about a lab host."""

    lab: Lab
    folder: Path

    def host(self) -> list[str]:
        """Options of ``slotsolver`` for the host as virsh shows it now."""
        options = ["--host", self.file("capabilities.xml", self.lab.capabilities())]
        return [*options, "--free", self.file("free.txt", self.lab.virsh("freepages", "--all"))]

    def answer(self, *options: str) -> tuple[int, str]:
        """The exit code of ``slotsolver plan``, usually for this host, and its answer in JSON."""
        answer = self.folder / "answer.json"
        host = [] if "--host" in options else self.host()
        line = ["plan", *options, *host, "--format", "json", "-o", str(answer)]
        code = main([*line, "--out-dir", str(self.out)])
        assert code in (OK, INFEASIBLE)
        return code, answer.read_text()

    def planned(self, problem: object, *options: str) -> Plan:
        """The plan for a problem without a host (or with ``None`` for what ``options`` say)."""
        named = [] if problem is None else [self.file("problem.yaml", yaml.safe_dump(problem))]
        code, text = self.answer(*named, *options)
        assert code == OK, text
        return Plan.model_validate_json(text)

    def refused(self, problem: object) -> Infeasible:
        """The proof that there is no plan."""
        code, text = self.answer(self.file("problem.yaml", yaml.safe_dump(problem)))
        assert code == INFEASIBLE, text
        return Infeasible.model_validate_json(text)

    def checked(self, xml: str) -> tuple[int, list[str]]:
        """The exit code of ``slotsolver check`` for a domain on this host, and what it says."""
        found = self.folder / "found.json"
        line = ["check", self.file("checked.xml", xml), *self.host(), "--format", "json"]
        with found.open("w") as output, contextlib.redirect_stdout(output):
            code = main(line)
        return code, [one["says"] for one in json.loads(found.read_text())["violations"]]

    def carry_out(self, command: str) -> str:
        """What a command for a shell prints, as it stands in an answer."""
        there = {**ENVIRONMENT, "LIBVIRT_DEFAULT_URI": self.lab.uri}
        line = ["sh", "-euc", command]
        done = subprocess.run(line, env=there, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def domain(self, name: str | None = None) -> str:
        """A planned guest's domain XML, changed in one thing only: the lab has no KVM."""
        folder = self.out / name if name else self.out
        text = (folder / "domain.xml").read_text()
        return text.replace("<domain type='kvm'", "<domain type='qemu'", 1)

    def start(self, name: str | None = None, *, paused: bool = True) -> str:
        """Define and start it; its name."""
        defined = self.lab.define(self.domain(name))
        self.lab.virsh("start", defined, *(["--paused"] if paused else []))
        return defined
