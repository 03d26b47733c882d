"""Memory-mapped files: bytes that are read when first used, and let go when copied."""

from __future__ import annotations

import mmap
from pathlib import Path
from weakref import WeakValueDictionary

import torch
from torch import Tensor

_OPEN: WeakValueDictionary[int, mmap.mmap] = WeakValueDictionary()
"""The files that are mapped now, by the address of their first byte."""


def map_file(path: Path) -> Tensor:
    """The bytes of a file, (size,) uint8; writing to them changes the memory and not the file."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    raw = torch.frombuffer(mapped, dtype=torch.uint8)
    _OPEN[raw.data_ptr()] = mapped
    return raw


def release_pages(tensor: Tensor) -> None:
    """Give back the memory of a tensor that lies in a mapped file, after it has been copied.

    If it is used again, it is read again; what had been written to it is lost. A file in half
    precision would else stay in memory beside its copy in float32. Of other tensors, and where the
    system has no such call, nothing.
    """
    storage = tensor.untyped_storage()
    mapped = _OPEN.get(storage.data_ptr())
    if mapped is None or not tensor.is_contiguous() or not hasattr(mmap, "MADV_DONTNEED"):
        return
    # Whole pages only: the first and the last may hold parts of other tensors.
    start = tensor.data_ptr() - storage.data_ptr()
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    last = (start + tensor.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if first < last:
        mapped.madvise(mmap.MADV_DONTNEED, first, last - first)
