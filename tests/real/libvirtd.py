"""A private libvirtd for the tests: its own folders, mounts, processes and network.

The daemon runs in new mount, pid and network namespaces (``unshare``; needs root):

* its ``/etc/libvirt``, ``/var/lib/libvirt``, ``/var/cache/libvirt``, ``/var/log/libvirt`` and
  ``/run/libvirt`` are folders of a temporary folder, mounted over the real ones, so that it neither
  sees nor touches a libvirt of this machine, and domains need no special names;
* hugetlbfs is mounted for 2 MiB and 1 GiB pages; libvirt finds mounts by itself;
* an empty file system over ``/sys/fs/cgroup`` makes libvirt do without cgroups, which belong to the
  machine's own manager; so the cpuset side of ``<numatune>`` is not exercised;
* in its pid namespace the first process reaps the QEMUs that libvirt detaches, and when it is
  killed the kernel ends all others: nothing can outlive a test run;
* in its network namespace the network driver cannot touch the machine's firewall.

No virtlogd (``stdio_handler = "file"``), D-Bus or machined is needed: libvirtd logs that they are
absent and goes on. What libvirt starts it starts as it is: without ``reserve=off``, so each memory
backend must fit :func:`tests.real.qemu.backend_limit`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

PROGRAMS = ("libvirtd", "virsh", "virt-xml-validate", "xmllint", "unshare", "setpriv")
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
ENVIRONMENT = {**os.environ, "PATH": SEARCH_PATH, "LC_ALL": "C"}
TIMEOUT_SECONDS = 60.0

NAMESPACES = ("--mount", "--propagation", "private", "--pid", "--mount-proc", "--net")

FIRST_PROCESS = """
mount -t tmpfs none /sys/fs/cgroup
cd "$0"
for pair in etc:/etc/libvirt lib:/var/lib/libvirt cache:/var/cache/libvirt \
            log:/var/log/libvirt run:/run/libvirt; do
    mkdir -p "${pair%%:*}" "${pair#*:}"
    mount --bind "${pair%%:*}" "${pair#*:}"
done
mkdir huge2M huge1G
mount -t hugetlbfs -o pagesize=2M none huge2M
mount -t hugetlbfs -o pagesize=1G none huge1G || echo "no 1 GiB pages on this machine"
libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/libvirtd.pid &
wait $!
"""

LIBVIRTD_CONF = """
auth_unix_ro = "none"
auth_unix_rw = "none"
"""

QEMU_CONF = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""


class LibvirtError(Exception):
    """What virsh, libvirtd or virt-xml-validate printed when it refused."""


class Libvirt:
    """A libvirt that virsh reaches at a URI."""

    uri: str
    seconds = TIMEOUT_SECONDS
    """How long a command may take."""

    def virsh(self, *args: str, stdin: str | None = None) -> str:
        """What a virsh command prints; with ``stdin``, ``/dev/stdin`` can stand for its file."""
        line = ("virsh", "--quiet", "-c", self.uri, *args)
        return _output(*line, stdin=stdin, seconds=self.seconds)

    def define(self, xml: str) -> str:
        """Define a domain; the answer is its name."""
        self.virsh("define", "/dev/stdin", stdin=xml)
        return str(etree.fromstring(xml.encode()).findtext("name"))

    def start_paused(self, name: str) -> None:
        """Start a defined domain: QEMU runs, its guest does not."""
        self.virsh("start", "--paused", name)

    def dumpxml(self, name: str, *, live: bool = True) -> str:
        """The XML of the running domain, or (``live=False``) of the defined one."""
        return self.virsh("dumpxml", name, *([] if live else ["--inactive"]))

    def domxml_to_native(self, xml: str) -> str:
        """The command line that libvirt would start QEMU with; starts nothing."""
        return self.virsh("domxml-to-native", "qemu-argv", "/dev/stdin", stdin=xml)

    def capabilities(self) -> str:
        """The host as libvirt sees it, in XML."""
        return self.virsh("capabilities")

    def domains(self) -> list[str]:
        """The names of all domains, running or defined."""
        names = self.virsh("list", "--all", "--name").splitlines()
        return [name.rstrip() for name in names if name.strip()]

    def forget(self, name: str) -> None:
        """End a domain if it runs and undefine it if it is defined; libvirt may not know it."""
        for command in ("destroy", "undefine"):
            with contextlib.suppress(LibvirtError):
                self.virsh(command, f"--domain={name}")


class Libvirtd(Libvirt):
    """A running private libvirtd. Made by :func:`running`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = f"qemu+unix:///system?socket={root}/run/libvirt-sock"

    def qemu_log(self, name: str) -> str:
        """What QEMU itself printed for the domain, its command line included."""
        return (self.root / "log/qemu" / f"{name}.log").read_text()


@contextlib.contextmanager
def running() -> Iterator[Libvirtd]:
    """A private libvirtd; at the end it and all that it started are gone, its folder too."""
    # Not pytest's tmp_path: the path of a Unix socket has 107 bytes at most.
    root = Path(tempfile.mkdtemp(prefix="slotsolver-libvirtd-"))
    (root / "etc").mkdir()
    (root / "etc/libvirtd.conf").write_text(LIBVIRTD_CONF)
    (root / "etc/qemu.conf").write_text(QEMU_CONF)
    # setpriv: should this process be killed, the kernel kills unshare, and unshare's pid namespace.
    line = ["setpriv", "--pdeathsig", "KILL", "unshare", *NAMESPACES, "--fork", "--kill-child"]
    line += ["bash", "-euc", FIRST_PROCESS, str(root)]
    with (root / "libvirtd.log").open("wb") as log:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT
        )
    try:
        yield _answering(Libvirtd(root), process)
    finally:
        process.kill()  # SIGTERM would not do: unshare ignores it
        process.wait()
        shutil.rmtree(root, ignore_errors=True)


def _answering(daemon: Libvirtd, process: subprocess.Popen[bytes]) -> Libvirtd:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            daemon.virsh("version")
        except LibvirtError as error:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            log = (daemon.root / "libvirtd.log").read_text(errors="replace")
            raise LibvirtError(f"libvirtd does not answer: {error}\n{log[-2000:]}") from error
        return daemon


def missing() -> str:
    """Why no private libvirtd can be started here, or ''."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=SEARCH_PATH) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if os.geteuid() != 0:
        return "needs root, for namespaces and mounts"
    try:
        _output("unshare", *NAMESPACES, "--fork", "true")
    except LibvirtError as error:
        return f"namespaces are not permitted: {error}"
    return ""


def virt_xml_validate(xml: str, schema: str = "domain") -> None:
    """Hold the XML against libvirt's schema; raises :class:`LibvirtError` with the complaint."""
    _output("virt-xml-validate", "-", schema, stdin=xml)


def _output(*line: str, stdin: str | None = None, seconds: float = TIMEOUT_SECONDS) -> str:
    done = subprocess.run(
        line,
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=seconds,
        env=ENVIRONMENT,
        check=False,
    )
    if done.returncode != 0:
        raise LibvirtError((done.stderr.strip() or done.stdout.strip()).removeprefix("error: "))
    return done.stdout
