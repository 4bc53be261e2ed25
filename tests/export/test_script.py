"""The script of the operations, run by a real shell.

Here virsh is one that answers what a test wants, to fail where the real one would not:
``tests/real/test_resize_libvirt.py`` runs the same scripts with the real virsh.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from slotsolver.export.files import write_directory
from slotsolver.problem import Problem
from tests.checker.running import Case, grow, lowered, raised, shrink, swap
from tests.export import virsh

Rule = tuple[str, str, int, int]
ALWAYS = 1 << 30

NAMES = [
    *("vm", "web 17's", '"', "'", "a\\b\\c", "\\", "$(touch hit)", "`touch hit`", "; touch hit"),
    *("-x", "--help", "*", "~root", "#", "%s%n", "!!", " blank ", "ü ✓", "\u2028", "{}", "7"),
]
"""What a guest may be called; control characters are refused wherever guests are read."""


def info(name: str = "vm", persistent: str = "no") -> Rule:
    """What virsh says of the guest, as the real one prints it."""
    text = f"Id:             1\nName:           {name}\nPersistent:     {persistent}\n"
    return ("dominfo", text, 0, ALWAYS)


@dataclass
class Script:
    """A script beside its device files, and a virsh."""

    folder: Path
    out: Path

    def run(self, *rules: Rule, timeout: str = "0") -> subprocess.CompletedProcess[str]:
        """Run it from elsewhere; ``rules`` are for :mod:`tests.export.virsh`."""
        (self.folder / "rules.json").write_text(json.dumps(rules))
        (self.folder / "calls.json").write_text("")
        path = os.pathsep.join([str(self.folder), os.environ["PATH"]])
        return subprocess.run(
            ["sh", str(self.out / "operations.sh")],
            cwd=self.folder,
            env={"PATH": path, "TIMEOUT": timeout, "CDPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[tuple[list[str], str | None]]:
        """How virsh was called: its arguments, and what it was given to read."""
        lines = (self.folder / "calls.json").read_text().splitlines()
        return [(arguments, given) for arguments, given in map(json.loads, lines)]

    @property
    def done(self) -> list[str]:
        """The commands that change something."""
        words = [[a for a in arguments if a[:2] != "--"] for arguments, _ in self.calls]
        return [word[0] for word in words if word[0] not in ("dumpxml", "dominfo")]


def script(folder: Path, case: Case, name: str = "vm", xml: str | None = None) -> Script:
    """The script of a case, whose guest is called ``name``."""
    asked = Problem.model_validate(case.document)
    guest = asked.guests[0].model_copy(update={"name": name, "xml": xml})
    plan = case.planned(name=name).plan
    out = folder / "-out of the way"
    write_directory(out, asked.model_copy(update={"guests": (guest,)}), plan)
    program = folder / "virsh"
    shutil.copy(virsh.__file__, folder / "virsh.py")
    program.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S "{folder}/virsh.py" "$@"\n'
    )
    program.chmod(0o755)
    return Script(folder, out)


def there(slot: int, *, times: int = ALWAYS) -> Rule:
    """virsh shows a DIMM in the slot."""
    return (f"address[@slot='{slot}']", ' base="0x0"\n', 0, times)


@pytest.mark.parametrize("case", [grow(), shrink(), swap(), raised(), lowered()], ids=str)
def test_a_shell_reads_it(tmp_path: Path, case: Case) -> None:
    """It is a script for any POSIX shell."""
    path = script(tmp_path, case).out / "operations.sh"
    for shell in filter(shutil.which, ("sh", "dash", "bash", "busybox")):
        line = [shell, *(["sh"] if shell == "busybox" else []), "-n", str(path)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), shell


@pytest.mark.parametrize("name", NAMES)
def test_any_name(tmp_path: Path, name: str) -> None:
    """A name is one word, to virsh and to people, and nothing that it holds is done."""
    made = script(tmp_path, grow(), name)
    finished = made.run(info(name), there(2), there(4))
    assert finished.stderr == ""
    assert finished.stdout == (
        f"{name}: 1 of 2: plug 512 MiB in slot 2, cell 0\n"
        f"{name}: 2 of 2: plug 512 MiB in slot 4, cell 1\n"
    )
    assert all(f"--domain={name}" in arguments for arguments, _ in made.calls)
    assert made.done == ["attach-device", "attach-device"]
    assert not list(tmp_path.rglob("hit"))


def test_the_uuid_names_the_guest(tmp_path: Path) -> None:
    """Where the guest's XML has one: virsh takes a name of digits for the id of another one."""
    uuid = "6c1e5e0a-53a5-4b0e-9f0e-0d7a7f3f6b01"
    xml = f"""<domain><name>7</name><uuid>{uuid}</uuid><maxMemory slots='8' unit='GiB'>8</maxMemory>
<cpu><numa><cell memory='1' unit='GiB'/><cell memory='1' unit='GiB'/></numa></cpu></domain>"""
    made = script(tmp_path, grow(), "7", xml)
    assert made.run(info("7"), there(2), there(4)).returncode == 0
    assert all(f"--domain={uuid}" in arguments for arguments, _ in made.calls)


def stops(finished: subprocess.CompletedProcess[str], why: str, count: int, total: int) -> None:
    """It ended at once, with the reason and how far it came, in its last lines."""
    assert finished.returncode == 1
    last = finished.stderr.splitlines()[-2:]
    assert last == [f"vm: {why}", f"vm: stopped; {count} of {total} operations are done"]
    assert len(finished.stdout.splitlines()) == count


def test_another_domain(tmp_path: Path) -> None:
    """Nothing is done to a domain that only has this name as its id."""
    made = script(tmp_path, grow())
    stops(made.run(info("other")), "virsh takes another domain for it", 0, 2)
    assert made.done == []


def test_no_domain(tmp_path: Path) -> None:
    """Nor where virsh knows none."""
    made = script(tmp_path, grow())
    stops(made.run(("dominfo", "", 1, ALWAYS)), "virsh does not know it", 0, 2)
    assert made.done == []


def test_a_plug_that_fails(tmp_path: Path) -> None:
    """The second one fails: one is done, and no further one is tried."""
    made = script(tmp_path, grow())
    finished = made.run(info(), there(2), ("device-2.xml", "", 1, ALWAYS))
    stops(finished, "plug 512 MiB in slot 4, cell 1: failed", 1, 2)


def test_a_plug_that_goes_elsewhere(tmp_path: Path) -> None:
    """What is not where it should be does not count."""
    finished = script(tmp_path, grow()).run(info())
    stops(finished, "plug 512 MiB in slot 2, cell 0: it is not where it should be", 0, 2)


def test_a_dimm_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is asked of the guest if it has other DIMMs than it had."""
    made = script(tmp_path, shrink())
    stops(made.run(info()), "unplug 1 GiB in slot 0, cell 0: there is no such DIMM", 0, 1)
    assert made.done == []


def test_a_guest_that_keeps_its_dimm(tmp_path: Path) -> None:
    """It is waited for as long as TIMEOUT says, then it is told."""
    made = script(tmp_path, shrink())
    says = "unplug 1 GiB in slot 0, cell 0: the guest has not done so in 1 s"
    stops(made.run(info(), there(0), timeout="1"), says, 0, 1)
    assert made.done == ["detach-device"]


def test_a_libvirt_that_goes_away(tmp_path: Path) -> None:
    """No answer is not the answer that the DIMM has gone."""
    gone = ("address[@slot='0']", "", 1, ALWAYS)
    finished = script(tmp_path, shrink()).run(info(), there(0, times=1), gone)
    stops(finished, "virsh does not show it", 0, 1)


def test_a_libvirt_that_goes_away_while_memory_moves(tmp_path: Path) -> None:
    """The same of a virtio-mem device."""
    gone = ("target/current", "", 1, ALWAYS)
    stops(script(tmp_path, lowered()).run(info(), gone), "virsh does not show it", 0, 2)


def test_virtio_mem_takes_its_time(tmp_path: Path) -> None:
    """Each step is done when the device gives what was requested."""
    made = script(tmp_path, lowered())
    gives = [("target/current", f"{mib * 1024}\n", 0, 1) for mib in (1024, 800, 768, 512)]
    finished = made.run(info(), *gives, timeout="9")
    assert (finished.returncode, finished.stderr) == (0, "")
    asked = [arguments for arguments, _ in made.calls if "update-memory-device" in arguments]
    assert [words[-2] for words in asked] == ["786432", "524288"]
    assert all(words[3:5] == ["--alias", "virtiomem0"] for words in asked)


FRAME = ("//os/type/@machine", ' machine="pc-q35-7.2"\n slots="8"\n', 0, ALWAYS)
CELLS = "//maxMemory/text()"
SIZES = (CELLS, '8388608\n memory="1048576"\n memory="1048576"\n', 0, ALWAYS)
STORED = "<memory><address type='dimm' slot='0'/></memory>\n"


def test_a_transient_guest(tmp_path: Path) -> None:
    """What is not stored is changed as it runs only."""
    made = script(tmp_path, grow())
    assert made.run(info(), there(2), there(4)).returncode == 0
    assert not [words for words, _ in made.calls if "--config" in words or "--inactive" in words]


@pytest.mark.parametrize("memory", ["1048575", "1047553"])
def test_a_stored_guest(tmp_path: Path, memory: str) -> None:
    """Sizes that a start rounds to those of the running guest are the same; all is stored."""
    stored = (f"--inactive --xpath {CELLS}", SIZES[1].replace("1048576", memory), 0, ALWAYS)
    made = script(tmp_path, grow())
    free = ("--inactive --xpath //devices/memory/address", "", 0, ALWAYS)
    assert made.run(info("vm", "yes"), stored, FRAME, SIZES, free, there(2), there(4)).stderr == ""
    plugs = [words for words, _ in made.calls if "attach-device" in words]
    assert [words[-2:] for words in plugs] == [["--live", "--config"]] * 2


@pytest.mark.parametrize(
    "other",
    [
        ("--inactive --xpath //os", FRAME[1].replace("8", "9"), 0, ALWAYS),
        (f"--inactive --xpath {CELLS}", SIZES[1].replace("1048576", "2097152"), 0, ALWAYS),
    ],
)
def test_a_stored_guest_of_another_frame(tmp_path: Path, other: Rule) -> None:
    """With other cells or another maximum DIMMs would lie elsewhere: the stored XML is left."""
    made = script(tmp_path, grow())
    finished = made.run(info("vm", "yes"), other, FRAME, SIZES, there(2), there(4))
    assert finished.returncode == 0
    assert finished.stderr == (
        "vm: the stored XML is for another machine, slots, maximum or cells; it stays as it is\n"
    )
    assert not [words for words, _ in made.calls if "--config" in words]


def test_something_else_in_the_stored_slot(tmp_path: Path) -> None:
    """libvirt would store two DIMMs in one slot, and not start that again."""
    made = script(tmp_path, grow())
    taken = ("--inactive --xpath //devices/memory/address", " slot='2'\n", 0, ALWAYS)
    finished = made.run(info("vm", "yes"), FRAME, SIZES, taken)
    why = "plug 512 MiB in slot 2, cell 0: the stored XML has something else there; see virsh edit"
    stops(finished, why, 0, 2)
    assert made.done == []


def test_a_dimm_that_stays_stored(tmp_path: Path) -> None:
    """It is unplugged, and that counts, but nothing else is done before somebody has looked."""
    made = script(tmp_path, shrink())
    rules = (info("vm", "yes"), FRAME, SIZES, there(0, times=1))
    forgotten = ("@type='dimm'][address/@slot='0']", STORED, 0, ALWAYS)
    finished = made.run(*rules, forgotten, ("/dev/stdin --config", "", 1, ALWAYS))
    why = "the stored XML still has the DIMM of slot 0; see virsh edit"
    stops(finished, why, 1, 1)
    assert made.calls[-1][1] == STORED


def test_a_base_that_is_not_stored(tmp_path: Path) -> None:
    """Before anything is done, what stays gets its base; where that fails, nothing is done."""
    made = script(tmp_path, shrink())
    bare = ("[address/@slot='1']", STORED.replace("0", "1"), 0, ALWAYS)
    whole = ("--security-info", f"<domain>{STORED.replace('0', '1')}</domain>", 0, ALWAYS)
    rules = (info("vm", "yes"), FRAME, SIZES, there(0), bare, whole)
    stops(made.run(*rules, ("define", "", 1, 1)), "slot 1: its base cannot be stored", 0, 1)
    assert made.done == ["define"]
    assert made.calls[-1][1] == (
        "<domain><memory><address type='dimm' slot='1' base='0x140000000'/></memory>\n</domain>\n"
    )
