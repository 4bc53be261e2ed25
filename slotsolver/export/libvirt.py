"""libvirt domain XML: the guest's own document edited in place, or a complete minimal one."""

from __future__ import annotations

from slotsolver.export.domain_edit import edited_domain
from slotsolver.export.domain_new import new_domain
from slotsolver.export.layout import Layout
from slotsolver.plan import Plan
from slotsolver.problem import Problem


def domain_xml(problem: Problem, plan: Plan, guest_name: str, *, domain_type: str = "kvm") -> str:
    """The domain XML of one guest with what the plan says.

    A guest that was read from a domain XML keeps its document: only the elements that slotsolver
    owns change (``maxMemory``, ``memory``, ``currentMemory``, the cells' memory, ``hugepages``,
    ``numatune``, ``acpi``, DIMMs, slotsolver's own metadata), and only where their meaning differs
    from the plan. If nothing has to change, the very same text comes back.

    Other guests get a complete minimal document of type ``domain_type`` (``kvm`` or ``qemu``).
    Raises :class:`~slotsolver.errors.InputError` for a guest that the plan does not have, and for a
    device that cannot be written without the document that it came from.
    """
    return layout_xml(Layout.of(problem, plan, guest_name), domain_type=domain_type)


def layout_xml(layout: Layout, *, domain_type: str = "kvm") -> str:
    """The domain XML of a layout, as :func:`domain_xml` writes it."""
    if layout.guest.xml is not None:
        return edited_domain(layout, layout.guest.xml)
    return new_domain(layout, domain_type=domain_type).render() + "\n"
