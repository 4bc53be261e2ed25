"""What the checker says: one rule that does not hold, in the stage where it would be noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["parse", "define", "migration", "start", "guest", "host", "policy", "plan"]
"""Where a violation shows: libvirt's parser, libvirt's ``define``, its comparison with the running
guest that is to go on, the start (libvirt's own checks and QEMU's), the guest's kernel, the host's
pools; for plans also what was asked (``policy``) and the plan's own consistency (``plan``)."""


@dataclass(frozen=True)
class Violation:
    """One rule that does not hold.

    ``rule`` is a stable code, ``says`` the text that libvirt or QEMU prints where they have one
    (else one sentence with numbers), ``place`` names the part of the plan or of the domain XML.
    """

    rule: str
    stage: Stage
    says: str
    place: str
