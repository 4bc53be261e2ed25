"""Hosts of several NUMA nodes, real but for the processor: whole machines under QEMU's emulation.

In them runs a real libvirtd, which starts real QEMUs. slotsolver and virsh run outside and reach it
over a local port, so that plans go the way that a person with a remote host takes.
"""
