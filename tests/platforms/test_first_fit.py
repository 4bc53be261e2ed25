"""QEMU's first fit, against a search that tries every address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.platforms import QemuRefusalError, Range, free_address, free_slot

WINDOW = Range(64, 64)


def _lowest(window: Range, used: list[Range], align: int, size: int) -> int | None:
    for base in range(window.base, window.end):
        new = Range(base, size)
        if base % align == 0 and window.contains(new) and not any(map(new.overlaps, used)):
            return base
    return None


@st.composite
def _devices(draw: st.DrawFn) -> list[Range]:
    used: list[Range] = []
    for _ in range(draw(st.integers(0, 6))):
        size = draw(st.integers(1, 16))
        new = Range(draw(st.integers(WINDOW.base, WINDOW.end - size)), size)
        if not any(map(new.overlaps, used)):
            used.append(new)
    return used


@given(used=_devices(), align=st.sampled_from([1, 2, 4, 8, 16, 32]), size=st.integers(1, 70))
def test_first_fit_is_the_lowest_address(used: list[Range], align: int, size: int) -> None:
    """The address found is the lowest aligned free one, or there is none."""
    devices = [(each, str(each.base)) for each in used]
    expected = _lowest(WINDOW, used, align, size)
    if expected is None:
        with pytest.raises(QemuRefusalError, match="fragmented due to alignments"):
            free_address(WINDOW, devices, align, size)
    else:
        assert free_address(WINDOW, devices, align, size) == expected


@given(used=_devices(), hint=st.integers(1, 140), size=st.integers(1, 70))
def test_an_explicit_address_is_taken_or_refused(used: list[Range], hint: int, size: int) -> None:
    """An address is taken iff it lies in the window and overlaps nothing."""
    devices = [(each, str(each.base)) for each in used]
    new = Range(hint, size)
    if WINDOW.contains(new) and not any(map(new.overlaps, used)):
        assert free_address(WINDOW, devices, 1, size, hint) == hint
    else:
        with pytest.raises(QemuRefusalError, match=r"usable range|conflicts"):
            free_address(WINDOW, devices, 1, size, hint)


def test_the_end_of_the_address_space() -> None:
    """A search that runs past 2^64 ends with QEMU's text instead of wrapping around."""
    window = Range((1 << 64) - 64, 64)
    with pytest.raises(QemuRefusalError, match="fragmented"):
        free_address(window, [(Range((1 << 64) - 16, 16), "a"), (window, "b")], 16, 32)
    with pytest.raises(QemuRefusalError, match="device too big"):
        free_address(window, [], 16, 128)


@pytest.mark.parametrize(
    ("slots", "used", "hint", "slot"), [(4, {0, 2}, -1, 1), (4, {0, 1, 2}, -1, 3), (4, {0}, 2, 2)]
)
def test_slots(slots: int, used: set[int], hint: int, slot: int) -> None:
    """The lowest free slot, or the one asked for."""
    assert free_slot(slots, used, hint) == slot


@pytest.mark.parametrize(
    ("slots", "used", "hint", "text"),
    [
        (4, {2}, 2, "slot 2 is busy"),
        (4, set(), 4, "invalid slot number 4, valid range is [0-3]"),
        (4, set(), -2, "invalid slot number -2, valid range is [0-3]"),
        (0, set(), 0, "invalid slot number 0, valid range is [0-18446744073709551615]"),
        (0, set(), -1, "no slots where allocated, please specify the 'slots' option"),
        (2, {0, 1}, -1, "no free slots available"),
    ],
)
def test_slot_refusals(slots: int, used: set[int], hint: int, text: str) -> None:
    """Each refusal in QEMU's words."""
    with pytest.raises(QemuRefusalError) as caught:
        free_slot(slots, used, hint)
    assert str(caught.value) == text
