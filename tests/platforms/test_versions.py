"""Version numbers and dated features."""

from __future__ import annotations

import pytest

from slotsolver.errors import InputError
from slotsolver.platforms import Version
from slotsolver.platforms.versions import (
    LIBVIRT_FEATURES,
    LIBVIRT_NODEMASK_STRICT,
    LIBVIRT_OVERLAP_CHECK,
    LIBVIRT_SLOTS_COUNT_DIMMS_ONLY,
    LIBVIRT_VIRTIO_MEM_ADDRESS,
    QEMU_FEATURES,
    QEMU_JSON_DEVICES,
    QEMU_JSON_OBJECTS,
    QEMU_NEW_CHECK_ORDER,
    QEMU_THREAD_CONTEXT,
    Feature,
)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("7.2", (7, 2, 0)),
        ("7.2.22", (7, 2, 22)),
        ("9.0.0", (9, 0, 0)),
        ("9.0.0-4+deb12u2", (9, 0, 0)),
        ("7.2.22 (Debian 1:7.2+dfsg-7)", (7, 2, 22)),
        (" 10.0 ", (10, 0, 0)),
    ],
)
def test_parse(text: str, version: tuple[int, int, int]) -> None:
    """Releases with and without the third number and a packager's suffix are read."""
    assert Version.parse(text) == version


@pytest.mark.parametrize("text", ["", "7", "seven", "7.x", "-7.2", "7.2.", "99999.1"])
def test_parse_refuses(text: str) -> None:
    """Anything else is bad input with an example."""
    with pytest.raises(InputError, match="is not a version; write for example"):
        Version.parse(text)


@pytest.mark.parametrize(
    ("feature", "without", "having"),
    [
        (QEMU_JSON_OBJECTS, "5.2.0", "6.0.0"),
        (QEMU_JSON_DEVICES, "6.2.0", "7.0.0"),
        (QEMU_THREAD_CONTEXT, "7.1.0", "7.2.22"),
        (QEMU_NEW_CHECK_ORDER, "8.1.5", "8.2.0"),
        (LIBVIRT_VIRTIO_MEM_ADDRESS, "9.3.0", "9.4.0"),
        (LIBVIRT_SLOTS_COUNT_DIMMS_ONLY, "9.4.0", "9.5.0"),
        (LIBVIRT_OVERLAP_CHECK, "9.7.0", "9.8.0"),
        (LIBVIRT_NODEMASK_STRICT, "11.10.0", "12.0.0"),
    ],
)
def test_features_begin_with_their_release(feature: Feature, without: str, having: str) -> None:
    """The release before lacks the feature, the release itself has it."""
    assert not feature.in_version(Version.parse(without))
    assert feature.in_version(Version.parse(having))


def test_short_versions_count_as_the_release() -> None:
    """``(9, 8)`` has what 9.8.0 has."""
    assert LIBVIRT_OVERLAP_CHECK.in_version((9, 8))
    assert not LIBVIRT_OVERLAP_CHECK.in_version((9, 7))


def test_every_feature_has_a_source() -> None:
    """The tables hold all features, each named once and sourced."""
    for table in (QEMU_FEATURES, LIBVIRT_FEATURES):
        assert len({feature.name for feature in table}) == len(table) >= 9
        assert all(feature.source and isinstance(feature.since, Version) for feature in table)


def test_versions_print_as_they_are_written() -> None:
    """A version's text can be read back."""
    assert str(Version.parse("7.2")) == "7.2.0"
