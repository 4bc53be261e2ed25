"""A shell script that carries out the operations of a running guest through virsh.

It stops at the first failure and says how far it came. Detaching is only a request (libvirt 9.0
qemu/qemu_hotplug.c:qemuDomainDetachDeviceLive): the guest has given a DIMM back when the live XML
has it no more, and virtio-mem when ``<current>`` is what was requested; both are waited for.

A guest that is stored (persistent) gets the same changes in its stored XML. There a device has no
alias, a DIMM may have no base and a size that is not rounded, and to find a device all that it has
must be given as it stands: so the stored element itself is looked up (all seen with libvirt 9.0).
The next start places DIMMs without a base, and any virtio-mem, anew in the order of the XML, where
they may take the place of a new DIMM, which has a base. Hence the script writes the bases of the
DIMMs that stay into the stored XML, and keeps virtio-mem devices behind all DIMMs there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from slotsolver.export.layout import Layout
from slotsolver.export.xmltext import XmlText
from slotsolver.plan import Operation
from slotsolver.size import KiB, format_size

_HEAD = r"""#!/bin/sh
# {title}
# Made for the guest as it was then; virsh's own environment says where it runs
# (LIBVIRT_DEFAULT_URI). TIMEOUT is how long the guest may take to give memory back, in seconds.
set -u
export LC_ALL=C
CDPATH= cd -- "$(dirname -- "$0")" || exit 1
name={name}
domain={domain}
total={total}
count=0
timeout=${{TIMEOUT:-120}}
"""

_BODY = r"""
say() { # WHAT
    printf '%s: %s\n' "$name" "$1"
}

stop() { # WHY
    say "$1" >&2
    say "stopped; $count of $total operations are done" >&2
    exit 1
}

completed() { # WHAT
    count=$((count + 1))
    say "$count of $total: $1"
}

show() { # OPTIONS...: its XML
    virsh dumpxml --domain="$domain" "$@"
}

change() { # COMMAND ARGUMENTS...
    command=$1
    shift
    virsh --quiet "$command" --domain="$domain" "$@" >/dev/null
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

has() { # SLOT BASE: whether that DIMM is plugged
    found=$(show --xpath "//devices/memory/address[@slot='$1'][@base='$2']") ||
        stop "virsh does not show it"
    [ -n "$found" ]
}

gone() { # SLOT BASE
    ! has "$1" "$2"
}

gives() { # ALIAS KIB: whether a virtio-mem device gives as much
    found=$(show --xpath "//devices/memory[alias/@name='$1']/target/current/text()") ||
        stop "virsh does not show it"
    [ "$found" = "$2" ]
}

plug() { # FILE SLOT BASE WHAT
    if [ -n "$stored" ]; then
        found=$(show --inactive --xpath "//devices/memory/address[@type='dimm'][@slot='$2']") ||
            stop "virsh does not show it"
        [ -z "$found" ] || stop "$4: the stored XML has something else there; see virsh edit"
    fi
    change attach-device "$1" --live $stored || stop "$4: failed"
    has "$2" "$3" || stop "$4: it is not where it should be"
    completed "$4"
    [ -z "$stored" ] || behind || stop "the stored XML has a virtio-mem before this DIMM"
}

unplug() { # FILE SLOT BASE CELL KIB WHAT
    has "$2" "$3" || stop "$6: there is no such DIMM"
    change detach-device "$1" --live || stop "$6: failed"
    until_ "$6" gone "$2" "$3"
    completed "$6"
    [ -z "$stored" ] || forget "$2" "$3" "$4" "$5" ||
        stop "the stored XML still has the DIMM of slot $2; see virsh edit"
}

resize() { # ALIAS KIB WHAT
    change update-memory-device --alias "$1" --requested-size "$2" --live || stop "$3: failed"
    until_ "$3" gives "$1" "$2"
    completed "$3"
    [ -z "$stored" ] || request "$1" "$2" ||
        stop "the stored XML still has the old size of $1; see virsh edit"
}

# What follows is about the stored XML.

frame() { # OPTIONS...: what the places of DIMMs depend on; a start rounds cells up to MiB
    show "$@" --xpath '//os/type/@machine | //maxMemory/@slots' || return 1
    sizes=$(show "$@" --xpath '//maxMemory/text() | //cpu/numa/cell/@memory') || return 1
    for kib in $(printf '%s\n' "$sizes" | tr -cd '0-9\n'); do
        echo "$(((kib + 1023) / 1024))"
    done
}

dimm() { # SLOT BASE CELL KIB: that DIMM, whose base and rounding may be missing
    same="[address/@slot='$1'][not(address/@base) or address/@base='$2']"
    same="$same[not(target/node) or target/node='$3'][target/size<=$4][target/size>$4-2048]"
    show --inactive --xpath "//devices/memory[address/@type='dimm']$same"
}

pin() { # SLOT BASE CELL KIB: put the base of a DIMM that stays into it
    [ -n "$stored" ] || return 0
    found=$(dimm "$@") || stop "virsh does not show it"
    case $found in
        '' | *' base='*) return ;;
    esac
    whole=$(show --inactive --security-info) || stop "virsh does not show it"
    slot="<address type='dimm' slot='$1'"
    printf '%s\n' "$whole" | sed "s|$slot/>|$slot base='$2'/>|" |
        virsh --quiet define /dev/stdin >/dev/null || stop "slot $1: its base cannot be stored"
}

forget() { # SLOT BASE CELL KIB: take a DIMM out of it
    device=$(dimm "$@") || return 1
    [ -z "$device" ] || printf '%s\n' "$device" | change detach-device /dev/stdin --config
}

request() { # ALIAS KIB: what is requested of a virtio-mem device, which is found by its address
    place=$(show --xpath "//devices/memory[alias/@name='$1']/address/@*") || return 1
    place=$(printf '%s\n' "$place" | sed 's|^ *\([a-z]*\)=|[address/@\1=|; s|$|]|' | tr -d '\n')
    device=$(show --inactive --xpath "//devices/memory[@model='virtio-mem']$place") || return 1
    [ -z "$device" ] || printf '%s\n' "$device" |
        sed "s|<requested[^<]*<|<requested unit='KiB'>$2<|" |
        change update-device /dev/stdin --config
}

behind() { # no virtio-mem device stays before a DIMM
    early="[@model='virtio-mem'][not(target/address)][following-sibling::memory[@model='dimm']]"
    while :; do
        device=$(show --inactive --xpath "(//devices/memory$early)[1]") || return 1
        [ -n "$device" ] || return 0
        printf '%s\n' "$device" | change detach-device /dev/stdin --config || return 1
        printf '%s\n' "$device" | change attach-device /dev/stdin --config || return 1
    done
}

facts=$(virsh dominfo --domain="$domain") || stop "virsh does not know it"
case $facts in
    *"
Name:           $name
"*) ;;
    *) stop "virsh takes another domain for it" ;;
esac
stored=$(printf '%s\n' "$facts" | sed -n 's/^Persistent: *yes$/--config/p')
if [ -n "$stored" ]; then
    now=$(frame) && later=$(frame --inactive) || stop "virsh does not show it"
    if [ "$now" != "$later" ]; then
        say "the stored XML is for another machine, slots, maximum or cells; it stays as it is" >&2
        stored=
    fi
fi

"""


def operations_script(layout: Layout, files: Sequence[PurePath]) -> str:
    """The script of one guest; ``files`` are the device files of its operations, beside it."""
    planned = layout.planned
    now, then = format_size(layout.guest.size_now), format_size(planned.memory)
    head = _HEAD.format(
        title=f"{_one_line(planned.name)}: {now} -> {then}, {len(planned.operations)} operations",
        name=shlex.quote(planned.name),
        domain=shlex.quote(_uuid(layout) or planned.name),
        total=len(planned.operations),
    )
    if not planned.operations:
        return head
    calls = [*_pins(layout), *_calls(layout, files)]
    return head + _BODY + "".join(f"{line}\n" for line in calls)


def _one_line(name: str) -> str:
    """A name for a comment."""
    return name if name.isprintable() else repr(name)


def _uuid(layout: Layout) -> str | None:
    """The guest's uuid, if it is known: virsh takes a name of digits for an id."""
    if layout.guest.xml is None:
        return None
    uuid = XmlText(layout.guest.xml, source=f"guest {layout.guest.name}").root.find("uuid")
    return uuid.value if uuid is not None else None


def _pins(layout: Layout) -> Iterator[str]:
    """One line for each DIMM that stays."""
    going = {op.slot for op in layout.planned.operations if op.do == "unplug"}
    for device in layout.guest.devices:
        if device.takes_slot and device.address and device.slot not in going:
            place = [str(device.slot), f"0x{device.address:x}"]
            yield shlex.join(["pin", *place, str(device.cell or 0), str(device.size // KiB)])


def _calls(layout: Layout, files: Sequence[PurePath]) -> Iterator[str]:
    """One line for each operation."""
    for operation, file in zip(layout.planned.operations, files, strict=True):
        if operation.do == "resize":
            where = [operation.device, str(operation.size // KiB)]
        else:
            dimm = layout.dimm(operation)
            where = [f"./{file}", str(dimm.slot), f"0x{dimm.address:x}"]
        if operation.do == "unplug":
            where += [str(operation.cell), str(operation.size // KiB)]
        yield shlex.join([operation.do, *where, said(operation)])


def said(operation: Operation) -> str:
    """An operation in words."""
    size = format_size(operation.size)
    if operation.do == "resize":
        return f"resize {operation.device} of cell {operation.cell} to {size}"
    return f"{operation.do} {size} in slot {operation.slot}, cell {operation.cell}"
