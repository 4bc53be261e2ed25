"""Hosts from sysfs trees: written from a host, then read back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver.errors import InputError
from slotsolver.fields import format_ids
from slotsolver.ingest.host import read_host
from slotsolver.problem import Host, HostNode, Pool
from slotsolver.size import GiB, KiB, MiB


def write_tree(root: Path, host: Host) -> None:
    """Write what a Linux kernel shows of this host below ``root``."""
    nodes = root / "devices/system/node"
    nodes.mkdir(parents=True)
    (nodes / "online").write_text(f"{format_ids(n.id for n in host.nodes)}\n")
    (nodes / "power").mkdir()
    for node in host.nodes:
        folder = nodes / f"node{node.id}"
        folder.mkdir()
        (folder / "cpulist").write_text(f"{format_ids(node.cpus)}\n")
        (folder / "distance").write_text(f"{' '.join(map(str, node.distances))}\n")
        (folder / "meminfo").write_text(
            f"Node {node.id} MemTotal:       {node.memory // KiB} kB\n"
            f"Node {node.id} MemFree:        {node.free // KiB} kB\n"
            f"Node {node.id} MemUsed:        {(node.memory - node.free) // KiB} kB\n"
            f"Node {node.id} HugePages_Total:     5\n"
        )
        for pool in node.pools:
            place = folder / f"hugepages/hugepages-{pool.page_size // KiB}kB"
            place.mkdir(parents=True)
            (place / "nr_hugepages").write_text(f"{pool.total}\n")
            (place / "free_hugepages").write_text(f"{pool.free}\n")
            (place / "surplus_hugepages").write_text("0\n")


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    """Hosts with gaps in their ids, memory-less nodes, and nodes without CPUs."""
    ids = draw(st.lists(st.integers(0, 40), min_size=1, max_size=4, unique=True).map(sorted))
    nodes = []
    for place, node_id in enumerate(ids):
        memory = draw(st.sampled_from([0, GiB, 64 * GiB, 2**40 - 4 * KiB]))
        pools = [
            Pool(page_size=size, total=total, free=draw(st.integers(0, total)))
            for size in (2 * MiB, GiB)
            for total in [draw(st.integers(0, 5))]
        ]
        nodes.append(
            HostNode(
                id=node_id,
                cpus=tuple(range(place * 8, place * 8 + draw(st.integers(0, 8)))),
                memory=memory,
                free=draw(st.integers(0, memory // KiB)) * KiB,
                pools=tuple(pools) if memory else (),
                distances=tuple(
                    10 if other == node_id else draw(st.integers(11, 255)) for other in ids
                ),
            )
        )
    return Host(nodes=tuple(nodes))


@settings(max_examples=40)
@given(hosts())
def test_a_written_tree_is_read_back_as_the_same_host(host: Host) -> None:
    """Nodes, memory, pools, distances and CPUs survive, from the root and from its parent."""
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder) / "sys", host)
        assert read_host(f"{folder}/sys") == host
        assert read_host(folder) == host


def one_node(root: Path) -> Path:
    """A tree of one node; the node's folder."""
    pool = Pool(page_size=2 * MiB, total=8, free=4)
    node = HostNode(id=0, cpus=(0, 33), memory=GiB, free=GiB, pools=(pool,), distances=(10,))
    write_tree(root, Host(nodes=(node,)))
    return root / "devices/system/node/node0"


def test_a_proc_beside_the_tree_tells_of_the_cpu_and_the_default_page(tmp_path: Path) -> None:
    """Vendor, address bits and Hugepagesize come from the copied ``/proc``."""
    one_node(tmp_path / "sys")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nHugepagesize:    1048576 kB\n")
    (tmp_path / "proc/cpuinfo").write_text(
        "processor\t: 0\nvendor_id\t: GenuineIntel\n"
        "address sizes\t: 46 bits physical, 48 bits virtual\n"
    )
    host = read_host(str(tmp_path))
    assert (host.cpu_vendor, host.phys_bits, host.default_hugepage) == ("intel", 46, GiB)


def test_a_cpumap_stands_in_for_a_missing_cpulist(tmp_path: Path) -> None:
    """Copies made by older tools have the mask only."""
    node = one_node(tmp_path)
    (node / "cpulist").unlink()
    (node / "cpumap").write_text("00000002,00000001\n")
    assert read_host(str(tmp_path)).nodes[0].cpus == (0, 33)


def test_a_kernel_without_numa_is_one_node(tmp_path: Path) -> None:
    """Without node folders the whole memory is node 0's."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1048576 kB\nMemFree: 524288 kB\n")
    pool = tmp_path / "sys/kernel/mm/hugepages/hugepages-2048kB"
    pool.mkdir(parents=True)
    (pool / "nr_hugepages").write_text("3\n")
    (pool / "free_hugepages").write_text("2\n")
    cpu = tmp_path / "sys/devices/system/cpu"
    cpu.mkdir(parents=True)
    (cpu / "online").write_text("0-3\n")
    (node,) = read_host(str(tmp_path / "sys")).nodes
    assert (node.cpus, node.memory, node.free) == ((0, 1, 2, 3), GiB, 512 * MiB)
    assert node.pools == (Pool(page_size=2 * MiB, total=3, free=2),)


def test_this_machine_can_be_read() -> None:
    """``local`` has this machine's CPUs and memory, and its page size."""
    host = read_host("local")
    assert host.free_known
    assert host.base_page == os.sysconf("SC_PAGE_SIZE")
    assert 0 < sum(node.free for node in host.nodes) <= sum(node.memory for node in host.nodes)
    assert os.sched_getaffinity(0) <= {cpu for node in host.nodes for cpu in node.cpus}


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("meminfo", "Node 0 MemTotal: -5 kB\n", "does not hold a number of kB"),
        ("cpulist", "0-\n", "is not a set of ids"),
        ("distance", "10 20\n", "is not one distance for each of 1 nodes"),
        ("distance", "ten\n", "is not one distance for each of 1 nodes"),
        ("hugepages/hugepages-2048kB/nr_hugepages", "many\n", "is not a number of pages"),
        ("hugepages/hugepages-2048kB/free_hugepages", "", "is not a number of pages"),
        ("../online", "0-1\n", "there is no folder node1"),
    ],
)
def test_a_garbled_file_is_named(tmp_path: Path, file: str, text: str, rule: str) -> None:
    """The error names the very file and its rule."""
    node = one_node(tmp_path)
    (node / file).write_text(text)
    with pytest.raises(InputError) as caught:
        read_host(str(tmp_path))
    assert rule in caught.value.message
    assert Path(caught.value.source).resolve() == (node / file).resolve()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A copy without a node's meminfo is incomplete."""
    (one_node(tmp_path) / "meminfo").unlink()
    with pytest.raises(InputError, match=r"node0/meminfo: cannot be read: No such file"):
        read_host(str(tmp_path))


def test_a_folder_without_nodes_is_refused(tmp_path: Path) -> None:
    """Any other folder is not a host."""
    with pytest.raises(InputError, match="give a sysfs root such as /sys"):
        read_host(str(tmp_path))
