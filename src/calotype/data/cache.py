"""CachedSource: a source whose pictures are computed once, then read from memory-mapped files."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from calotype.errors import UserError
from calotype.example import Example, Known
from calotype.source import Source

CHUNK = 64  # pictures computed at a time


class CachedSource:
    """The pictures of ``source`` in a file under ``folder``, with what the source knows of them.

    They are rounded to the source's bits, 8 or 16, as in a PNG file: a cached run trains on the
    same pictures as a run on a folder of PNG files. ``report(done, total)`` is called while the
    file is computed; an unfinished file is continued later.
    """

    def __init__(self, source: Source, folder: Path, report: Callable[[int, int], None]):
        self.source, self.key, self.bits = source, source.key, source.bits
        first = source.examples([0])[0]
        self.weighted = first.weight is not None
        self.channels, *sides = first.picture.shape
        shape = (self.channels + self.weighted, *sides)
        dtype = f"uint{self.bits}"
        self.rows = table(folder, self.key, len(source), shape, dtype, self._chunks, report)

    def _chunks(self, start: int) -> Iterator[np.ndarray]:
        for begin in range(start, len(self.source), CHUNK):
            examples = self.source.examples(range(begin, min(begin + CHUNK, len(self.source))))
            yield np.stack([_rounded(example, self.bits) for example in examples])

    def __len__(self) -> int:
        return len(self.source)

    def examples(self, indices: Sequence[int]) -> list[Example]:
        known = self.known(indices, [0] * len(indices))
        return [
            self._example(index, {name: values[row] for name, values in known.items()})
            for row, index in enumerate(indices)
        ]

    def known(self, indices: Sequence[int], variants: Sequence[int]) -> Known:
        return self.source.known(indices, variants)

    def _example(self, index: int, known: Known) -> Example:
        row = torch.from_numpy(self.rows[index].astype(np.float32))
        weight = row[self.channels] / WEIGHT_UNIT if self.weighted else None
        return Example(row[: self.channels] / _half(self.bits) - 1, known, weight)


WEIGHT_UNIT = 16  # weights are stored in sixteenths: in 8 bits, up to 15.9


def _half(bits: int) -> float:
    """Half the largest number of so many bits."""
    return (2**bits - 1) / 2


def _rounded(example: Example, bits: int) -> np.ndarray:
    rows = ((example.picture + 1) * _half(bits)).round()
    if example.weight is not None:
        rows = torch.cat([rows, (example.weight * WEIGHT_UNIT).round()[None]])
    return rows.clamp(0, 2**bits - 1).numpy().astype(f"uint{bits}")


def table(
    folder: Path,
    key: str,
    count: int,
    shape: tuple[int, ...],
    dtype: str,
    chunks: Callable[[int], Iterator[np.ndarray]],
    report: Callable[[int, int], None],
) -> np.memmap:
    """A memory-mapped array (count, *shape) in a file named by a digest of ``key``.

    Missing rows are computed: ``chunks(start)`` yields the rows from ``start`` on. The number of
    finished rows is stored in a JSON file beside them, written after the rows: an interrupted
    computation is continued. Raises UserError if the files cannot be written.
    """
    name = hashlib.sha256(f"{key} {count} {shape} {dtype}".encode()).hexdigest()[:16]
    path, note = folder / f"{name}.bin", folder / f"{name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        done = _rows_done(note, path, count * math.prod(shape) * np.dtype(dtype).itemsize)
        rows = np.memmap(path, dtype, mode="r+" if done else "w+", shape=(count, *shape))
    except OSError as error:
        raise UserError(f"data.cache: {path}: cannot be written: {error.strerror}") from None
    if done == count:
        return rows
    for chunk in chunks(done):
        rows[done : done + len(chunk)] = chunk
        done += len(chunk)
        rows.flush()
        whole = note.with_suffix(".tmp")
        whole.write_text(json.dumps({"key": key, "rows": done}))
        whole.replace(note)
        report(done, count)
    return rows


def _rows_done(note: Path, path: Path, size: int) -> int:
    """The number of finished rows of a table; 0 if its files are missing or truncated."""
    if not note.exists() or not path.exists() or path.stat().st_size != size:
        return 0
    with suppress(ValueError, KeyError, TypeError):
        return int(json.loads(note.read_text())["rows"])
    return 0


def encoded_table(
    encode: Callable[[Tensor], Tensor],
    source: Source,
    folder: Path,
    key: str,
    dtype: str,
    report: Callable[[int, int], None],
) -> np.memmap:
    """The array (count, ...) of the outputs of ``encode`` for all pictures, in ``dtype``.

    encode: pictures (B, C, H, W) in [-1, 1] -> (B, ...).
    """

    def rows(start: int, stop: int) -> np.ndarray:
        examples = source.examples(range(start, stop))
        encoded = encode(torch.stack([example.picture for example in examples]))
        return encoded.cpu().numpy().astype(dtype)

    def chunks(start: int) -> Iterator[np.ndarray]:
        for begin in range(start, len(source), CHUNK):
            yield rows(begin, min(begin + CHUNK, len(source)))

    shape = rows(0, 1).shape[1:]
    return table(folder, f"{key} of {source.key}", len(source), shape, dtype, chunks, report)
