"""A shell script that carries out the operations of a running guest through virsh.

It stops at the first failure and says how far it came. Detaching is only a request (libvirt 9.0
qemu/qemu_hotplug.c:qemuDomainDetachDeviceLive): the guest has given a DIMM back when the live XML
has it no more, and virtio-mem when ``<current>`` is what was requested; both are waited for. A
guest that is stored (persistent) gets the same change in its stored XML. There a DIMM may have no
base, which then must not be given to find it, and no device an alias (all seen with libvirt 9.0).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from slotsolver.export.layout import Layout
from slotsolver.plan import Operation
from slotsolver.size import KiB, format_size

_HEAD = r"""#!/bin/sh
# {title}
# Made for the guest as it was then; virsh's own environment says where it runs
# (LIBVIRT_DEFAULT_URI). TIMEOUT is how long the guest may take to give memory back, in seconds.
set -u
export LC_ALL=C
cd "$(dirname "$0")" || exit 1
domain={domain}
total={total}
count=0
timeout=${{TIMEOUT:-120}}

stop() {{
    echo "$domain: $1" >&2
    echo "$domain: stopped; $count of $total operations are done" >&2
    exit 1
}}

completed() {{
    count=$((count + 1))
    echo "$domain: $count of $total: $1"
}}

"""

_BODY = r"""live() { # what runs now, in XML
    virsh dumpxml --domain="$domain" "$@" || stop "virsh does not show it"
}

has() { # SLOT BASE: whether that DIMM is plugged
    live | grep -qF "<address type='dimm' slot='$1' base='$2'/>"
}

change() { # COMMAND ARGUMENTS...
    command=$1
    shift
    virsh --quiet "$command" --domain="$domain" "$@"
}

until_() { # WHAT CONDITION...: wait until it holds
    what=$1 waited=0
    shift
    until "$@"; do
        [ "$waited" -lt "$timeout" ] || stop "$what: the guest has not done so in $timeout s"
        sleep 1
        waited=$((waited + 1))
    done
}

facts=$(virsh dominfo --domain="$domain") || stop "virsh does not know it"
stored=$(echo "$facts" | sed -n 's/^Persistent: *yes$/--config/p')

plug() { # FILE SLOT BASE WHAT
    change attach-device "$1" --live $stored || stop "$4: failed"
    has "$2" "$3" || stop "$4: it is not where it should be"
    completed "$4"
}

unplug() { # FILE SLOT BASE WHAT
    has "$2" "$3" || stop "$4: there is no such DIMM"
    change detach-device "$1" --live || stop "$4: failed"
    until_ "$4" gone "$2" "$3"
    [ -z "$stored" ] || forget "$1" "$2" "$3" || warn "slot $2"
    completed "$4"
}

gone() { # SLOT BASE
    ! has "$1" "$2"
}

forget() { # FILE SLOT BASE: take a DIMM out of the stored XML, which may not have its base
    inactive=$(live --inactive)
    if echo "$inactive" | grep -qF "<address type='dimm' slot='$2'/>"; then
        sed "s/ base=['\"][^'\"]*['\"]//" "$1" | change detach-device /dev/stdin --config
    elif echo "$inactive" | grep -qF "<address type='dimm' slot='$2' "; then
        change detach-device "$1" --config
    fi
}

resize() { # FILE ALIAS KIB WHAT
    change update-memory-device --alias "$2" --requested-size "$3" --live || stop "$4: failed"
    until_ "$4" gives "$2" "$3"
    [ -z "$stored" ] || change update-device "$1" --config || warn "$2"
    completed "$4"
}

gives() { # ALIAS KIB
    live --xpath "//memory[alias/@name='$1']/target/current" | grep -q ">$2<"
}

warn() { # WHAT
    echo "$domain: the stored XML has something else as $1; see virsh edit" >&2
}

"""


def operations_script(layout: Layout, files: Sequence[PurePath]) -> str:
    """The script of one guest; ``files`` are the device files of its operations, beside it."""
    planned = layout.planned
    now, then = format_size(layout.guest.size_now), format_size(planned.memory)
    head = _HEAD.format(
        title=f"{_one_line(planned.name)}: {now} -> {then}, {len(planned.operations)} operations",
        domain=shlex.quote(planned.name),
        total=len(planned.operations),
    )
    return head + _BODY + "".join(f"{line}\n" for line in _calls(layout, files))


def _one_line(name: str) -> str:
    """A name for a comment."""
    return name if name.isprintable() else repr(name)


def _calls(layout: Layout, files: Sequence[PurePath]) -> Iterator[str]:
    """One line for each operation."""
    for operation, file in zip(layout.planned.operations, files, strict=True):
        if operation.do == "resize":
            where = [operation.device, str(operation.size // KiB)]
        else:
            where = [str(operation.slot), f"0x{layout.dimm(operation).address:x}"]
        yield shlex.join([operation.do, f"./{file}", *where, said(operation)])


def said(operation: Operation) -> str:
    """An operation in words."""
    size = format_size(operation.size)
    if operation.do == "resize":
        return f"resize {operation.device} of cell {operation.cell} to {size}"
    return f"{operation.do} {size} in slot {operation.slot}, cell {operation.cell}"
