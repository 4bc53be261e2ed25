"""A good domain XML, and bad ones made by changing one part of it.

Two cells of 256 MiB on q35, two DIMMs of 128 MiB, room for 8 GiB; small enough to be started for
real.
"""

from __future__ import annotations

from slotsolver.ingest.domain import Domain, read_domain

CELLS = """<cell id='0' cpus='0-1' memory='256' unit='MiB'/>
      <cell id='1' cpus='2-3' memory='256' unit='MiB'/>"""

DIMMS = """<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target>
      <address type='dimm' slot='0' base='0x100000000'/></memory>
    <memory model='dimm'><target><size unit='MiB'>128</size><node>1</node></target>
      <address type='dimm' slot='1' base='0x108000000'/></memory>"""

GOOD = f"""<domain type='qemu'>
  <name>checked</name>
  <maxMemory slots='4' unit='GiB'>8</maxMemory>
  <memory unit='MiB'>768</memory>
  <vcpu>4</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <features><acpi/></features>
  <cpu mode='custom'><model>qemu64</model>
    <numa>
      {CELLS}
    </numa>
  </cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    {DIMMS}
  </devices>
</domain>
"""


def changed(*replacements: tuple[str, str]) -> str:
    """The good XML with parts replaced; every part must be there."""
    xml = GOOD
    for old, new in replacements:
        assert old in xml, old
        xml = xml.replace(old, new)
    return xml


def dimm(mib: int | str, node: int | None = 0, *, address: str = "", source: str = "") -> str:
    """The XML of one DIMM."""
    target = f"<size unit='MiB'>{mib}</size>" + ("" if node is None else f"<node>{node}</node>")
    return f"<memory model='dimm'>{source}<target>{target}</target>{address}</memory>"


def at(slot: int, base: int | None = None) -> str:
    """The XML of a DIMM's address."""
    where = "" if base is None else f" base='{base:#x}'"
    return f"<address type='dimm' slot='{slot}'{where}/>"


def domain(xml: str) -> Domain:
    """The reading of a domain XML."""
    return read_domain(xml.encode(), source="test.xml")
