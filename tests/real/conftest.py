"""Fixtures that give tests the real programs, or say by name which tests could not run.

Where a program cannot be had, the tests that need it are skipped and the summary names each. With
``SLOTSOLVER_REQUIRE_REAL=1`` (``.ci/run`` sets it) that is an error instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.real import browser as browser_module
from tests.real import hugepages as hugepages_module
from tests.real import libvirtd as libvirtd_module
from tests.real import qemu as qemu_module

HERE = Path(__file__).parent
POOLS = {2 * hugepages_module.MIB: 512, hugepages_module.GIB: 2}


def absent(what: str, why: str) -> None:
    """Skip the test, or fail it where the real programs are required."""
    if os.environ.get("SLOTSOLVER_REQUIRE_REAL") == "1":
        pytest.fail(f"needs the real {what}: {why}", pytrace=False)
    pytest.skip(f"needs the real {what}: {why}")


@pytest.fixture(scope="session")
def qemu_refusal() -> str:
    """Why QEMU cannot be had, or ''; found out once."""
    return qemu_module.missing()


@pytest.fixture(scope="session")
def libvirtd_refusal() -> str:
    """Why libvirtd cannot be had, or ''; found out once."""
    return libvirtd_module.missing()


@pytest.fixture
def qemu(qemu_refusal: str) -> ModuleType:
    """The module :mod:`tests.real.qemu`, where QEMU can be started."""
    if qemu_refusal:
        absent("QEMU", qemu_refusal)
    return qemu_module


@pytest.fixture(scope="session")
def session_libvirtd(
    qemu_refusal: str, libvirtd_refusal: str
) -> Iterator[libvirtd_module.Libvirtd | str]:
    """The session's private libvirtd, or why there is none."""
    refusal = qemu_refusal or libvirtd_refusal
    if refusal:
        yield refusal
        return
    with libvirtd_module.running() as daemon:
        yield daemon


@pytest.fixture
def libvirtd(
    session_libvirtd: libvirtd_module.Libvirtd | str,
) -> Iterator[libvirtd_module.Libvirtd]:
    """A private libvirtd, shared by the session; the domains that the test leaves are removed."""
    if isinstance(session_libvirtd, str):
        absent("libvirtd", session_libvirtd)
    assert isinstance(session_libvirtd, libvirtd_module.Libvirtd)
    yield session_libvirtd
    for name in session_libvirtd.domains():
        session_libvirtd.forget(name)


@pytest.fixture(scope="session")
def session_browser(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[browser_module.Browser | str]:
    """The session's browser, or why there is none."""
    if refusal := browser_module.missing():
        yield refusal
        return
    with browser_module.running(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def browser(session_browser: browser_module.Browser | str) -> browser_module.Browser:
    """A real browser, shared by the session."""
    if isinstance(session_browser, str):
        absent("browser", session_browser)
    assert isinstance(session_browser, browser_module.Browser)
    return session_browser


@pytest.fixture(scope="session")
def domain_type() -> str:
    """The libvirt domain type that starts here: kvm where KVM holds a paused guest, else qemu."""
    return "kvm" if qemu_module.kvm_works() else "qemu"


@pytest.fixture(scope="module")
def hugepages() -> Iterator[ModuleType]:
    """POOLS' pages are free on host node 0 for a file's tests; skips where that is not permitted.

    Not a missing program: a container without the right to reserve pages is skipped in CI as well.
    """
    try:
        with hugepages_module.reserved(POOLS):
            yield hugepages_module
    except hugepages_module.NotPermittedError as error:
        pytest.skip(f"needs hugepages: {error}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies here ``real``."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.real)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that could not run for want of something real."""
    skipped = [
        (report.nodeid, report.longrepr[2] if isinstance(report.longrepr, tuple) else "")
        for report in terminalreporter.stats.get("skipped", [])
        if "needs " in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section(f"NOT RUN: {len(skipped)} TESTS WITH REAL PROGRAMS", red=True)
        for name, reason in skipped:
            terminalreporter.write_line(f"{name}  {reason}")
