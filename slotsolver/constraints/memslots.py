"""Memslots: how many memory regions a vhost backend (or KVM) takes.

A device is refused unless the backend's limit is above the regions in use; RAM below 4 GiB counts
2, RAM above it 1, each DIMM and each virtio-mem 1 (QEMU 7.2 hw/virtio/vhost.c:vhost_has_free_slot).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from slotsolver.policies import Number, Policy, Scope

if TYPE_CHECKING:
    from slotsolver.model import GuestModel

MOST_REGIONS = 509
"""What KVM and newer vhost-user backends take (Linux KVM_USER_MEM_SLOTS less QEMU's own; rust-vmm
vhost)."""


class Memslots(Policy):
    """A backend takes at most `limit` memory regions: kernel vhost 64 (or its max_mem_regions),
    vhost-user 8 where it cannot configure memory slots."""

    kind: Literal["memslots"] = "memslots"
    whole_guest: ClassVar[bool] = True
    limit: int = Field(ge=1)

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - a count
        """A backend that takes more."""
        return (Number("limit", range(self.limit + 1, MOST_REGIONS + 1)),)

    def describe(self) -> str:
        """State the rule."""
        return f"RAM and memory devices take at most {self.limit} memory regions"

    def apply(self, guest: GuestModel) -> None:
        """Boot regions plus every memory device at the maximum."""
        guest.add(self, guest.devices + guest.boot_regions() <= self.limit)
