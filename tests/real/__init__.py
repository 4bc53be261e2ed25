"""Tests that talk to the real QEMU and to a real, private libvirtd."""
