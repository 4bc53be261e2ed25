"""Names of machine types, and the limits that come with them."""

from __future__ import annotations

import pytest

from slotsolver.errors import InputError
from slotsolver.platforms import platform_for
from slotsolver.platforms.ranges import GiB, MiB


@pytest.mark.parametrize(
    ("machine", "name", "version"),
    [
        ("q35", "q35", None),
        ("pc", "pc", None),
        ("virt", "virt", None),
        ("pseries", "pseries", None),
        ("pc-q35-7.2", "q35", (7, 2)),
        ("pc-q35-4.0.1", "q35", (4, 0)),
        ("pc-q35-10.0", "q35", (10, 0)),
        ("pc-i440fx-6.0", "pc", (6, 0)),
        ("pc-i440fx-2.1", "pc", (2, 1)),
        ("virt-7.2", "virt", (7, 2)),
        ("pseries-7.2", "pseries", (7, 2)),
        ("pc-q35-rhel9.2.0", "q35", None),
        ("pc-i440fx-rhel7.6.0", "pc", None),
        ("pc-q35-jammy", "q35", None),
        ("pc-i440fx-focal-hpb", "pc", None),
    ],
)
def test_known_machine_types(machine: str, name: str, version: tuple[int, int] | None) -> None:
    """Aliases, versions and distributors' types are known and keep their name."""
    platform = platform_for(machine)
    assert (platform.name, platform.version) == (name, version)
    assert platform.machine_argument == machine


@pytest.mark.parametrize("machine", ["isapc", "microvm", "pc-i440fx-2.0", "pc-i440fx-1.7"])
def test_machines_without_hotplug_are_refused_in_qemus_words(machine: str) -> None:
    """The refusal has QEMU's text and says which machines would do."""
    with pytest.raises(InputError) as caught:
        platform_for(machine)
    assert f"\"-memory 'slots|maxmem'\" is not supported by: {machine}" in str(caught.value)
    assert "use q35" in str(caught.value)


@pytest.mark.parametrize("machine", ["", "q53", "pc-q35", "pc-q35-", "pc-q35-x.y", "virt-", "s390"])
def test_unknown_machine_types_are_refused(machine: str) -> None:
    """A name that QEMU would not know is bad input, with a hint."""
    with pytest.raises(InputError, match="unsupported machine type"):
        platform_for(machine)


def test_a_misspelt_machine_gets_the_nearest_name() -> None:
    """The hint names the machine that was probably meant."""
    with pytest.raises(InputError, match="did you mean 'q35'"):
        platform_for("q53")


@pytest.mark.parametrize(
    ("machine", "arch", "slots", "memory", "dimm", "block", "hole"),
    [
        ("q35", "x86_64", 256, 1 * MiB, 2 * MiB, 128 * MiB, 32 * GiB),
        ("pc", "x86_64", 256, 1 * MiB, 2 * MiB, 128 * MiB, 2 * GiB),
        ("virt", "aarch64", 256, 1 * MiB, 2 * MiB, 128 * MiB, 0),
        ("pseries", "ppc64", 32, 256 * MiB, 256 * MiB, 256 * MiB, 0),
    ],
)
def test_limits(
    machine: str, arch: str, slots: int, memory: int, dimm: int, block: int, hole: int
) -> None:
    """Architecture, slots, libvirt's alignments, the smallest block and the PCI hole."""
    platform = platform_for(machine)
    assert (platform.arch, platform.max_slots) == (arch, slots)
    assert (platform.memory_alignment, platform.dimm_alignment) == (memory, dimm)
    assert (platform.smallest_block, platform.pci_hole64_default) == (block, hole)
    assert platform.default_phys_bits == 40


@pytest.mark.parametrize(
    ("machine", "takes"),
    [("q35", False), ("pc-q35-5.1", False), ("pc-q35-5.0", True), ("pc-i440fx-4.2", True)],
)
def test_numa_mem_is_for_types_before_5_1(machine: str, takes: bool) -> None:
    """``-numa node,mem=`` ended with machine type 5.1."""
    assert platform_for(machine).takes_numa_mem is takes
