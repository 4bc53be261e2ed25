"""Writers: one module per format. They write what the plan says and decide nothing.

:mod:`~slotsolver.export.libvirt` domain XML, :mod:`~slotsolver.export.qemu` QEMU arguments,
:mod:`~slotsolver.export.documents` JSON and YAML, :mod:`~slotsolver.export.table` the terminal,
:mod:`~slotsolver.export.files` all of them as files.
"""
