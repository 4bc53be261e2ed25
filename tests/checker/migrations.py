"""A guest as libvirt 9.0 dumps it while it runs, and changes of that XML for a destination.

The lines about memory are libvirt's own, so that a change can be made in a real dump as well. Small
enough to be started for real, with one device of each model that migrates.
"""

from __future__ import annotations

Replacements = tuple[tuple[str, str], ...]

NVDIMM_FILE = "/path/of/the/nvdimm"
"""The file of the nvdimm; 128 MiB."""

FIRST = """\
    <memory model='dimm'>
      <target>
        <size unit='KiB'>131072</size>
        <node>0</node>
      </target>
      <address type='dimm' slot='0' base='0x140000000'/>
    </memory>
"""
SECOND = """\
    <memory model='dimm'>
      <target>
        <size unit='KiB'>131072</size>
        <node>1</node>
      </target>
      <alias name='ua-second'/>
      <address type='dimm' slot='3' base='0x148000000'/>
    </memory>
"""
VIRTIO_MEM = """\
    <memory model='virtio-mem'>
      <target>
        <size unit='KiB'>262144</size>
        <node>0</node>
        <block unit='KiB'>2048</block>
        <requested unit='KiB'>65536</requested>
      </target>
      <address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>
    </memory>
"""
NVDIMM = f"""\
    <memory model='nvdimm'>
      <source>
        <path>{NVDIMM_FILE}</path>
      </source>
      <target>
        <size unit='KiB'>131072</size>
        <node>1</node>
        <label>
          <size unit='KiB'>128</size>
        </label>
      </target>
      <address type='dimm' slot='2' base='0x160000000'/>
    </memory>
"""
RUNNING = f"""<domain type='qemu'>
  <name>moving</name>
  <maxMemory slots='6' unit='KiB'>8388608</maxMemory>
  <memory unit='KiB'>1179648</memory>
  <currentMemory unit='KiB'>786432</currentMemory>
  <vcpu placement='static'>4</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <cpu mode='custom' match='exact' check='none'>
    <model fallback='forbid'>qemu64</model>
    <numa>
      <cell id='0' cpus='0-1' memory='262144' unit='KiB'>
        <distances>
          <sibling id='0' value='10'/>
          <sibling id='1' value='21'/>
        </distances>
      </cell>
      <cell id='1' cpus='2-3' memory='262144' unit='KiB'>
        <distances>
          <sibling id='0' value='21'/>
          <sibling id='1' value='10'/>
        </distances>
      </cell>
    </numa>
  </cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <memballoon model='virtio'>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </memballoon>
{FIRST}{SECOND}{VIRTIO_MEM}{NVDIMM}  </devices>
</domain>
"""

LARGER = ("<memory unit='KiB'>1179648", "<memory unit='KiB'>1310720")
"""128 MiB more in all."""

ONE_MORE = FIRST.replace("slot='0' base='0x140000000'", "slot='5' base='0x168000000'")
ALIAS = "<alias name='ua-second'/>"


def backing(element: str) -> Replacements:
    """A ``<memoryBacking>``, which the running guest has not got."""
    return (("  <os>", f"  <memoryBacking>{element}</memoryBacking>\n  <os>"),)


def tuned(element: str) -> Replacements:
    """A ``<numatune>``, which the running guest has not got."""
    return (("  <os>", f"  <numatune>{element}</numatune>\n  <os>"),)


def device(block: str, old: str, new: str) -> tuple[str, str]:
    """One device with a part replaced."""
    assert old in block, old
    return (block, block.replace(old, new))


REFUSED: dict[str, tuple[Replacements, tuple[str, ...]]] = {
    "another type": (
        (("type='qemu'", "type='kvm'"),),
        ("Target domain virt type kvm does not match source qemu",),
    ),
    "another name": (
        (("<name>moving", "<name>moved"),),
        ("Target domain name 'moved' does not match source 'moving'",),
    ),
    "less memory": (
        (("<memory unit='KiB'>1179648", "<memory unit='KiB'>1048576"),),
        ("Target domain max memory 393216 does not match source 524288",),
    ),
    "less current memory": (
        (("<currentMemory unit='KiB'>786432", "<currentMemory unit='KiB'>700000"),),
        ("Target domain current memory 700000 does not match source 786432",),
    ),
    "no current memory": (
        (("<currentMemory unit='KiB'>786432</currentMemory>", ""),),
        ("Target domain current memory 1179648 does not match source 786432",),
    ),
    "higher maximum": (
        (("'KiB'>8388608<", "'GiB'>9<"),),
        ("Target maximum memory size '9437184' doesn't match source '8388608'",),
    ),
    "more slots": (
        (("slots='6'", "slots='9'"),),
        ("Target domain memory slots count '9' doesn't match source '6'",),
    ),
    "one cell for two": (
        (
            ("cpus='0-1' memory='262144'", "cpus='0-3' memory='524288'"),
            ("      <cell id='1' cpus='2-3' memory='262144' unit='KiB'>", "<!--"),
            ("</cell>\n    </numa>", "--></numa>"),
            ("          <sibling id='1' value='21'/>\n", ""),
            ("<node>1</node>", "<node>0</node>"),
        ),
        (
            "Target NUMA node count '1' doesn't match source '2'",
            "Target memory device targetNode '0' doesn't match source targetNode '1'",
            "Target memory device targetNode '0' doesn't match source targetNode '1'",
        ),
    ),
    "memory moved between cells": (
        (
            ("cpus='0-1' memory='262144'", "cpus='0-1' memory='131072'"),
            ("cpus='2-3' memory='262144'", "cpus='2-3' memory='393216'"),
        ),
        (
            "Size of target NUMA node 0 (131072) doesn't match source (262144)",
            "Size of target NUMA node 1 (393216) doesn't match source (262144)",
        ),
    ),
    "cpus swapped": (
        (("cpus='0-1'", "cpus='x'"), ("cpus='2-3'", "cpus='0-1'"), ("cpus='x'", "cpus='2-3'")),
        (
            "Processor mask of target NUMA node 0 doesn't match source",
            "Processor mask of target NUMA node 1 doesn't match source",
        ),
    ),
    "a cpu of no cell, so of cell 0": (
        (("cpus='2-3'", "cpus='2'"),),
        (
            "Processor mask of target NUMA node 0 doesn't match source",
            "Processor mask of target NUMA node 1 doesn't match source",
        ),
    ),
    "one way is longer": (
        (("<sibling id='1' value='21'/>", "<sibling id='1' value='31'/>"),),
        ("Target NUMA distance from 0 to 1 doesn't match source",),
    ),
    "distances not given": (
        (("<distances>", "<!--"), ("</distances>", "-->")),
        (
            "Target NUMA distance from 0 to 1 doesn't match source",
            "Target NUMA distance from 1 to 0 doesn't match source",
        ),
    ),
    "more vcpus": (
        (("'static'>4<", "'static'>5<"),),
        (
            "Processor mask of target NUMA node 0 doesn't match source",
            "Target domain vCPU max 5 does not match source 4",
        ),
    ),
    "another machine": (
        (("pc-q35-7.2", "pc-q35-7.1"),),
        ("Target domain machine type pc-q35-7.1 does not match source pc-q35-7.2",),
    ),
    "a live CPU": (
        (("check='none'", "check='full'"),),
        ("Target CPU check full does not match source none",),
    ),
    "another CPU": (
        ((">qemu64<", ">Nehalem<"),),
        ("Target CPU model Nehalem does not match source qemu64",),
    ),
    "any CPU": (
        (("mode='custom' match='exact' check='none'", "mode='maximum' check='none'"),),
        ("Target CPU mode maximum does not match source custom",),
    ),
    "phys-bits": (
        (("<numa>", "<maxphysaddr mode='emulate' bits='42'/><numa>"),),
        ("Target CPU maxphysaddr does not match source",),
    ),
    "no balloon": (
        (("<memballoon model='virtio'>", "<memballoon model='none'>"),),
        ("Target balloon model none does not match source virtio",),
    ),
    "one device more": (
        ((NVDIMM, ONE_MORE + NVDIMM), LARGER),
        ("Target domain memory device count 5 does not match source 4",),
    ),
    "one device less": (
        ((FIRST, ""),),
        (
            "Target domain max memory 655360 does not match source 524288",
            "Target domain memory device count 3 does not match source 4",
        ),
    ),
    "two DIMMs swapped": (
        ((FIRST + SECOND, SECOND + FIRST),),
        (
            "Target memory device targetNode '1' doesn't match source targetNode '0'",
            "Target device dimm slot 3 does not match source 0",
            "Target device dimm base address '148000000' does not match source '140000000'",
            "Target memory device targetNode '0' doesn't match source targetNode '1'",
            "Target device dimm slot 0 does not match source 3",
            "Target device dimm base address '140000000' does not match source '148000000'",
            "Target memory device alias '<null>' doesn't match source alias 'ua-second'",
            "Target memory device alias 'ua-second' doesn't match source alias '<null>'",
        ),
    ),
    "two models swapped": (
        ((VIRTIO_MEM, ""), (NVDIMM, NVDIMM + VIRTIO_MEM)),
        (
            "Target memory device model 'nvdimm' doesn't match source model 'virtio-mem'",
            "Target memory device model 'virtio-mem' doesn't match source model 'nvdimm'",
        ),
    ),
    "a DIMM on another cell": (
        (device(FIRST, "<node>0", "<node>1"),),
        ("Target memory device targetNode '1' doesn't match source targetNode '0'",),
    ),
    "a larger DIMM": (
        (device(SECOND, "131072", "262144"), LARGER),
        ("Target memory device size '262144' doesn't match source memory device size '131072'",),
    ),
    "virtio-mem in larger blocks": (
        (device(VIRTIO_MEM, "2048", "4096"),),
        (
            "Target memory device block size '4096' doesn't match source memory device block size "
            "'2048'",
        ),
    ),
    "virtio-mem gives more": (
        (device(VIRTIO_MEM, "'KiB'>65536", "'MiB'>128"),),
        (
            "Target memory device requested size '131072' doesn't match source memory device "
            "requested size '65536'",
        ),
    ),
    "a larger label": (
        (device(NVDIMM, ">128<", ">256<"),),
        ("Target NVDIMM label size '128' doesn't match source NVDIMM label size '256'",),
    ),
    "no label": (
        (device(NVDIMM, ">128<", ">0<"),),
        ("Target NVDIMM label size '128' doesn't match source NVDIMM label size '0'",),
    ),
    "another slot": (
        (("slot='3'", "slot='5'"),),
        ("Target device dimm slot 5 does not match source 3",),
    ),
    "another base": (
        (("0x148000000", "0x150000000"),),
        ("Target device dimm base address '150000000' does not match source '148000000'",),
    ),
    "no base": (
        ((" base='0x148000000'", ""),),
        ("Target device dimm base address '0' does not match source '148000000'",),
    ),
    "no address": (
        (("<address type='dimm' slot='3' base='0x148000000'/>", ""),),
        (
            "Target device dimm slot 1 does not match source 3",
            "Target device dimm base address '0' does not match source '148000000'",
        ),
    ),
    "another source of memory": (
        backing("<source type='memfd'/>"),
        ("Target memoryBacking source 'memfd' doesn't match source memoryBacking source'none'",),
    ),
    "no alias": (
        ((ALIAS, ""),),
        ("Target memory device alias 'ua-second' doesn't match source alias '<null>'",),
    ),
    "one alias more": (
        (device(NVDIMM, "<address", "<alias name='ua-last'/><address"),),
        ("Target memory device alias '<null>' doesn't match source alias 'ua-last'",),
    ),
}
"""Changes, and everything in which the target then differs, after "unsupported configuration: "."""

INVALID: dict[str, tuple[Replacements, str]] = {
    "devices exceed memory": (
        (("<memory unit='KiB'>1179648", "<memory unit='KiB'>200000"),),
        "XML error: Total size of memory devices exceeds the total memory size",
    ),
    "nothing but devices": (
        (("<memory unit='KiB'>1179648", "<memory unit='KiB'>655360"),),
        "XML error: Memory size must be specified via <memory> or in the <numa> configuration",
    ),
    "memory above the maximum": (
        (("<memory unit='KiB'>1179648", "<memory unit='GiB'>9"),),
        "XML error: maximum memory size must be equal or greater than the actual memory size",
    ),
    "a slot twice": (
        (("slot='3'", "slot='0'"),),
        "unsupported configuration: memory device slot '0' is already being used by another "
        "memory device",
    ),
    "overlapping cpus": (
        (("cpus='2-3'", "cpus='1-3'"),),
        "unsupported configuration: NUMA cells 1 and 0 have overlapping vCPU ids",
    ),
}
"""Changes that no domain may have, and what libvirt says before it compares anything."""

FREE: dict[str, Replacements] = {
    "nothing": (),
    "the total left out": (("<memory unit='KiB'>1179648</memory>", ""),),
    "the newest machine": (("pc-q35-7.2", "q35"),),
    "cpus of cell 0 left out": (("cpus='0-1' ", ""),),
    "distances given one way": (("<sibling id='0' value='21'/>", ""),),
    "an alias of libvirt's own": (device(FIRST, "<address", "<alias name='dimm7'/><address"),),
    "memory bound to a host node": tuned("<memory mode='strict' nodeset='0'/>"),
    "a cell bound to a host node": tuned("<memnode cellid='1' mode='preferred' nodeset='0'/>"),
    "a DIMM bound to a host node": (
        device(FIRST, "<target>", "<source><nodemask>0</nodemask></source><target>"),
    ),
    "a DIMM on larger pages": (
        device(SECOND, "<target>", "<source><pagesize unit='MiB'>2</pagesize></source><target>"),
    ),
    "a cell on larger pages": backing(
        "<hugepages><page size='2' unit='MiB' nodeset='1'/></hugepages>"
    ),
    "memory allocated at once": backing("<allocation mode='immediate'/>"),
}
"""What may differ from host to host, or means the same."""


def moved(replacements: Replacements, xml: str = RUNNING) -> str:
    """The XML with parts replaced; every part must be there."""
    for old, new in replacements:
        assert old in xml, old
        xml = xml.replace(old, new)
    return xml
