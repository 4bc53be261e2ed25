"""The host: NUMA nodes and their pools, as frozen data. Sizes are bytes, page counts pages."""

# Annotations are no text here, as in `plan.py`: pydantic would have to compile each of them.
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from slotsolver.fields import IdText, Model, Remembering
from slotsolver.size import KiB, Size, SizeOrZero, format_size

MAX_CELLS = 128
"""Most guest and host nodes: QEMU's MAX_NODES (include/sysemu/numa.h)."""


class Pool(Model):
    """Pages of one size on one host node: how many there are and how many are free (pages)."""

    page_size: Size
    total: int = Field(ge=0, le=1 << 52)
    free: int = Field(ge=0, le=1 << 52)

    @field_validator("page_size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        """As the page sizes of every architecture are."""
        if size & (size - 1):
            raise ValueError(f"a page size is a power of two, such as 1 GiB, not {size} bytes")
        return size

    @model_validator(mode="after")
    def _free_within_total(self) -> Self:
        if self.free > self.total:
            raise ValueError(f"free {self.free} is more than total {self.total} pages")
        return self


class HostNode(Model):
    """A NUMA node of the host.

    ``memory`` is the node's whole memory, ``free`` its ordinary free memory (bytes); ``pools`` are
    its hugepage pools. ``distances`` go to the host's nodes in their order (10 is local).
    Memory-less and CPU-less nodes exist.
    """

    id: int = Field(ge=0)
    cpus: IdText = ()
    memory: SizeOrZero
    free: SizeOrZero
    pools: tuple[Pool, ...] = ()
    distances: tuple[int, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_pages(cls, data: Any) -> Any:
        """Take ``pages: {2 MiB: {total: 8, free: 8}}`` for ``pools``; ``free`` may be left out."""
        if not isinstance(data, dict) or "pages" not in data:
            return data
        data = dict(data)
        pages = data.pop("pages") or {}
        if not isinstance(pages, dict):
            raise ValueError("pages maps a page size to {total: N, free: N}")
        pools = []
        for size, counts in pages.items():
            counts = counts if isinstance(counts, dict) else {"total": counts}
            free = counts.get("free", counts.get("total"))
            pools.append({"page_size": size, **counts, "free": free})
        return {**data, "pools": pools}

    @model_validator(mode="before")
    @classmethod
    def _default_free(cls, data: Any) -> Any:
        """Without ``free`` everything outside the pools is free."""
        if not isinstance(data, dict) or data.get("free") is not None or "memory" not in data:
            return data
        bare = {**data, "free": 0}
        node = cls.model_validate(bare, context={})
        used = sum(p.total * p.page_size for p in node.pools)
        return {**bare, "free": f"{max(0, node.memory - used)} B"}

    @field_validator("pools")
    @classmethod
    def _pools_differ(cls, pools: tuple[Pool, ...]) -> tuple[Pool, ...]:
        sizes = [p.page_size for p in pools]
        for size in sizes:
            if sizes.count(size) > 1:
                raise ValueError(f"two pools of {format_size(size)} pages on one node")
        return tuple(sorted(pools, key=lambda p: p.page_size))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.free > self.memory:
            raise ValueError(
                f"node {self.id} has {format_size(self.free)} free of {format_size(self.memory)}"
            )
        return self


class Host(Remembering):
    """The host: its NUMA nodes and what decides page sizes and addresses.

    ``free_known`` is false where the source told totals only and everything is taken as free.
    """

    nodes: tuple[HostNode, ...] = Field(min_length=1, max_length=MAX_CELLS)
    base_page: Size = 4 * KiB
    default_hugepage: Size | None = None
    phys_bits: int | None = Field(default=None, ge=32, le=64)
    cpu_vendor: Literal["intel", "amd", "other"] | None = None
    free_known: bool = True

    @field_validator("nodes")
    @classmethod
    def _nodes(cls, nodes: tuple[HostNode, ...]) -> tuple[HostNode, ...]:
        nodes = tuple(sorted(nodes, key=lambda n: n.id))
        for left, right in pairwise(nodes):
            if left.id == right.id:
                raise ValueError(f"two host nodes with id {left.id}")
        for node in nodes:
            if node.distances and len(node.distances) != len(nodes):
                raise ValueError(
                    f"node {node.id} has {len(node.distances)} distances, the host has "
                    f"{len(nodes)} nodes"
                )
            if any(not 10 <= d <= 255 for d in node.distances):
                raise ValueError(f"node {node.id}: distances go from 10 (local) to 255")
        return nodes

    def node(self, node_id: int) -> HostNode:
        """The node with this id; ``KeyError`` if there is none."""
        return self.nodes[self._places[node_id]]

    def page_sizes(self) -> tuple[int, ...]:
        """Every page size of the host in bytes, the base page first, ascending."""
        return self._page_sizes

    def pool(self, node_id: int, page_size: int) -> Pool:
        """The pool of a node; ordinary memory is the pool of the base page. Empty if absent."""
        found = self._pools.get((node_id, page_size))
        if found is not None:
            return found
        self.node(node_id)
        return Pool(page_size=page_size, total=0, free=0)

    def has_pool(self, page_size: int) -> bool:
        """Whether any node has pages of this size; every host has its base page."""
        return page_size in self.usable_pages

    @cached_property
    def usable_pages(self) -> tuple[int, ...]:
        """The page sizes of which any node has pages, in bytes, the base page first, ascending."""
        there = {pool.page_size for node in self.nodes for pool in node.pools if pool.total}
        return tuple(size for size in self._page_sizes if size == self.base_page or size in there)

    @cached_property
    def without_cpus(self) -> frozenset[int]:
        """Nodes that have no processors, by id; none where no node is known to have any."""
        found = frozenset(node.id for node in self.nodes if not node.cpus)
        return found if len(found) < len(self.nodes) else frozenset()

    def distance(self, source: int, target: int) -> int:
        """SLIT distance between two nodes by id; 10 to itself and 20 elsewhere if none is given."""
        row = self.node(source).distances
        if row:
            return row[self._places[target]]
        return 10 if source == target else 20

    @cached_property
    def _places(self) -> dict[int, int]:
        """The place of each node in ``nodes``, by its id."""
        return {node.id: place for place, node in enumerate(self.nodes)}

    @cached_property
    def _page_sizes(self) -> tuple[int, ...]:
        huge = {pool.page_size for node in self.nodes for pool in node.pools}
        return (self.base_page, *sorted(huge - {self.base_page}))

    @cached_property
    def _pools(self) -> dict[tuple[int, int], Pool]:
        """Every node's pool of every page size of the host."""
        found = {}
        for node in self.nodes:
            pools = {pool.page_size: pool for pool in node.pools}
            pools[self.base_page] = self._ordinary(node)
            for size in self._page_sizes:
                pool = pools.get(size) or Pool(page_size=size, total=0, free=0)
                found[node.id, size] = pool
        return found

    def _ordinary(self, node: HostNode) -> Pool:
        """A node's ordinary memory as a pool of base pages."""
        page = self.base_page
        huge = sum(pool.total * pool.page_size for pool in node.pools if pool.page_size != page)
        total = max(node.free, node.memory - huge) // page
        return Pool(page_size=page, total=total, free=node.free // page)
