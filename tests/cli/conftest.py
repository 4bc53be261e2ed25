"""The program as a person runs it, and a problem that is quickly solved."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slotsolver.cli import main

Finished = subprocess.CompletedProcess[bytes]
Program = Callable[..., Finished]

PROBLEM = """\
host: host.yaml
guests:
  - name: thread
    cells: [{cpus: 0-1}, {cpus: 2-3}]
    boot: 4 GiB
    target: 6 GiB
    maximum: 8 GiB
policies:
  - {kind: page-size, size: 2 MiB}
  - {kind: step, size: 512 MiB}
"""

HOST = """\
nodes:
  - {id: 0, cpus: 0-3, memory: 16 GiB, pages: {2 MiB: 4096}, distances: [10, 21]}
  - id: 1
    cpus: 4-7
    memory: 16 GiB
    pages: {2 MiB: {total: 4096, free: 4000}}
    distances: [21, 10]
"""

DOMAIN = """\
<domain type='kvm'>
  <name>db</name>
  <maxMemory slots='16' unit='GiB'>8</maxMemory>
  <memory unit='GiB'>2</memory>
  <vcpu>4</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa>
    <cell id='0' cpus='0-1' memory='1' unit='GiB'/>
    <cell id='1' cpus='2-3' memory='1' unit='GiB'/>
  </numa></cpu>
</domain>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a problem, a host, and a domain."""
    (tmp_path / "problem.yaml").write_text(PROBLEM)
    (tmp_path / "host.yaml").write_text(HOST)
    (tmp_path / "domain.xml").write_text(DOMAIN)
    return tmp_path


@pytest.fixture
def inside(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """As ``slotsolver``, but within this process, which is much faster."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> Finished:
        code = main(arguments)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out.encode(), err.encode())

    return run


@pytest.fixture
def slotsolver(folder: Path) -> Program:
    """Run the program in the folder; its output is kept as bytes."""

    def run(*arguments: str, stdin: str = "", **options: object) -> Finished:
        command = [sys.executable, "-m", "slotsolver", *arguments]
        return subprocess.run(
            command, cwd=folder, input=stdin.encode(), capture_output=True, check=False, **options
        )

    return run
