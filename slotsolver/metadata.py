"""The XML namespace under which planned growth travels in a domain's ``<metadata>``.

libvirt keeps foreign elements of ``<metadata>`` untouched, one top element per namespace
(docs/formatdomain.rst, "General metadata").
"""

PREFIX = "slotsolver"
NAMESPACE = "https://slotsolver.org/xmlns/domain/1.0"
