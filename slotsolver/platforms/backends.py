"""Memory backends: the alignment they force on a device, and what ``object-add`` refuses.

Only what follows from the options is here. Whether the host has the pages is not
(``unable to map backing store for guest RAM: Cannot allocate memory``): that is the host's state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from slotsolver.platforms.ranges import MiB, align_up
from slotsolver.platforms.versions import (
    QEMU_BACKEND_PAGE_MULTIPLE,
    QEMU_DEFAULT_RAM_ID_TEXT,
    QemuVersion,
)

VMALLOC_ALIGN = 2 * MiB
"""Alignment of anonymous RAM on x86_64, aarch64 and ppc64 hosts (QEMU include/qemu/osdep.h:
QEMU_VMALLOC_ALIGN, used by util/oslib-posix.c:qemu_anon_ram_alloc)."""

MAX_HOST_NODES = 128
"""QEMU include/sysemu/numa.h:MAX_NODES; host node numbers stop below it."""


def backend_alignment(
    page_size: int, base_page: int = 4096, *, kind: str = "memory-backend-ram", align: int = 0
) -> int:
    """Bytes of which a device's address and size must be multiples, set by its backend.

    ``page_size`` is that of the backing pages; ``base_page`` the host's ordinary page; ``kind`` the
    QOM type; ``align`` the backend's own ``align=``. Huge pages force their own size, anonymous
    RAM 2 MiB, memfd and files on ordinary pages only the page (QEMU 7.2
    softmmu/physmem.c:file_ram_alloc, util/oslib-posix.c:qemu_anon_ram_alloc,
    read by softmmu/memory.c:memory_region_get_alignment).
    """
    if page_size <= base_page and kind == "memory-backend-ram":
        return VMALLOC_ALIGN
    return max(page_size, base_page, align)


@dataclass(frozen=True)
class Backend:
    """The properties of one ``memory-backend-*`` object that rules speak of; bytes.

    ``page_size`` is that of the file system behind ``mem_path``; for memfd it follows from
    ``hugetlb`` and ``hugetlb_size``. ``id`` stands in some texts.
    """

    kind: str
    size: int | None
    id: str = ""
    mem_path: str | None = None
    page_size: int = 4096
    hugetlb: bool = False
    hugetlb_size: int = 0
    align: int = 0
    prealloc: bool = False
    reserve: bool = True
    host_nodes: tuple[int, ...] = ()
    policy: str = "default"

    def pages(self, default_hugepage: int, base_page: int) -> int:
        """Size of the pages that really back it. memfd ignores ``hugetlbsize`` unless ``hugetlb``
        is on (QEMU 7.2 backends/hostmem-memfd.c:memfd_backend_memory_alloc)."""
        if self.kind == "memory-backend-memfd":
            return (self.hugetlb_size or default_hugepage) if self.hugetlb else base_page
        return self.page_size if self.kind == "memory-backend-file" else base_page

    def alignment(self, default_hugepage: int = 2 * MiB, base_page: int = 4096) -> int:
        """As :func:`backend_alignment`, from the backend's own properties."""
        pages = self.pages(default_hugepage, base_page)
        return backend_alignment(pages, base_page, kind=self.kind, align=self.align)


def check_backend(
    backend: Backend,
    *,
    qemu: QemuVersion = (7, 2),
    huge_pages: Collection[int] = (),
    default_hugepage: int = 2 * MiB,
    host_nodes: Collection[int] = (0,),
    base_page: int = 4096,
) -> str | None:
    """The text with which QEMU refuses the object, ``None`` if its options are fine.

    ``huge_pages`` are the sizes the host kernel offers, ``host_nodes`` the nodes it has. Source:
    QEMU 7.2 backends/hostmem.c:host_memory_backend_memory_complete, hostmem-file.c,
    hostmem-memfd.c, util/memfd.c:qemu_memfd_create, softmmu/physmem.c:file_ram_alloc.
    """
    pages = backend.pages(default_hugepage, base_page)
    return (
        _options_error(backend)
        or _memfd_error(backend, qemu, huge_pages, pages, base_page)
        or _file_error(backend, qemu, pages)
        or _policy_error(backend, host_nodes)
    )


def _options_error(backend: Backend) -> str | None:
    if backend.size == 0:
        return f"property 'size' of {backend.kind} doesn't take value '0'"
    if backend.kind == "memory-backend-file" and backend.mem_path is None:
        return "Parameter 'mem-path' is missing"
    if backend.size is None:
        return "Parameter 'size' is missing"
    if backend.prealloc and not backend.reserve:
        return "'prealloc=on' and 'reserve=off' are incompatible"
    beyond = [node for node in backend.host_nodes if node >= MAX_HOST_NODES]
    return f"Invalid host-nodes value: {beyond[0]}" if beyond else None


def _memfd_error(
    backend: Backend, qemu: QemuVersion, huge_pages: Collection[int], pages: int, base_page: int
) -> str | None:
    if backend.kind != "memory-backend-memfd":
        return None
    size = backend.size or 0
    if backend.hugetlb:
        if pages & (pages - 1):
            return "Hugepage size must be a power of 2"
        if pages not in huge_pages:
            # 0x7 = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB, the size's log2 from bit 26 on
            flags = 0x7 | (pages.bit_length() - 1) << 26
            return f"failed to create memfd with flags 0x{flags:x}: No such device"
        return f"failed to resize memfd to {size}: Invalid argument" if size % pages else None
    if size % base_page == 0:
        return None
    wanted = align_up(size, base_page)
    if QEMU_BACKEND_PAGE_MULTIPLE.in_version(qemu):
        return (
            f"{backend.id} backing store size 0x{size:x} is too small for 'size' option "
            f"0x{wanted:x} plus 'offset' option 0x0"
        )
    return f"backing store size 0x{size:x} does not match 'size' option 0x{wanted:x}"


def _file_error(backend: Backend, qemu: QemuVersion, pages: int) -> str | None:
    if backend.kind != "memory-backend-file":
        return None
    size = backend.size or 0
    if backend.align % pages:
        return f"alignment 0x{backend.align:x} must be multiples of page size 0x{pages:x}"
    if backend.align & (backend.align - 1):
        return f"alignment 0x{backend.align:x} must be a power of two"
    if size < pages:
        return f"memory size 0x{size:x} must be equal to or larger than page size 0x{pages:x}"
    if size % pages and QEMU_BACKEND_PAGE_MULTIPLE.in_version(qemu):
        return f"backend '{backend.kind}' memory size must be multiple of {pages // MiB} MiB"
    return None


def _policy_error(backend: Backend, host_nodes: Collection[int]) -> str | None:
    if backend.policy == "default":
        if backend.host_nodes:
            return (
                "host-nodes must be empty for policy default, or you should explicitly specify "
                "a policy other than default"
            )
        return None
    if not backend.host_nodes:
        return f"host-nodes must be set for policy {backend.policy}"
    # The kernel masks absent nodes out and refuses only an empty rest (mm/mempolicy.c:mpol_new).
    if not set(backend.host_nodes) & set(host_nodes):
        return "cannot bind memory to host NUMA nodes: Invalid argument"
    return None


def reserved_id_error(
    backends: Mapping[str, int],
    *,
    ram_id: str,
    memory_backend: str | None,
    numa_memdev: bool,
    qemu: QemuVersion = (7, 2),
) -> str | None:
    """The text for an object that takes the name of the default RAM (``pc.ram``), else ``None``.

    The name is free where ``-machine memory-backend=`` or ``-numa node,memdev=`` is used, because
    then no default RAM is made (QEMU 7.2 softmmu/vl.c:qemu_init_board, create_default_memdev).
    """
    if ram_id not in backends or memory_backend is not None or numa_memdev:
        return None
    if QEMU_DEFAULT_RAM_ID_TEXT.in_version(qemu):
        return (
            f"object's id '{ram_id}' is reserved for the default RAM backend, "
            "it can't be used for any other purposes"
        )
    return (
        f"object name '{ram_id}' is reserved for the default RAM backend, it can't be used for "
        "any other purposes. Change the object's 'id' to something else"
    )
