"""Tests that talk to the real QEMU and to a real, private libvirtd."""

import pytest

pytest.register_assert_rewrite("tests.real.resizing")  # so that its assertions say what differs
