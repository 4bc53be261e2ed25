"""Readers: libvirt domain, libvirt capabilities, sysfs tree, YAML. Everything that comes in.

They only read: the models of :mod:`slotsolver.problem` come out, or an
:class:`~slotsolver.errors.InputError` that names file, place and rule.
"""
