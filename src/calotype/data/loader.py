"""Shuffled batches: each is a function of its position in the run, so any run can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from calotype.errors import UserError
from calotype.example import Batch

Assemble = Callable[[Sequence[int], Sequence[int], torch.Tensor], Batch]
"""(indices, variants, positions) -> Batch."""


@lru_cache(maxsize=2)
def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of the pictures in one epoch: a permutation (count,) of their indices."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)


def batches(
    assemble: Assemble,
    count: int,
    *,
    batch_size: int,
    start: int,
    stop: int,
    seed: int,
    workers: int = 0,
) -> Iterator[Batch]:
    """The batches of samples ``start`` to ``stop`` of an endless shuffled sequence of the pictures.

    Each epoch has every picture once, in its own order; its number is the caption's variant. The
    content depends on the seed and the positions only: not on where a run was resumed, and not on
    the number of ``workers``, processes that assemble batches in advance. Raises UserError if
    ``assemble`` does.
    """
    dataset = _Batches(assemble, count, batch_size, stop, seed)
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(start, stop, batch_size),  # pyright: ignore[reportArgumentType]
        num_workers=workers,
        # The loader draws a base seed for its workers: not from the global generator.
        generator=torch.Generator(),
    )
    for batch in loader:
        if isinstance(batch, UserError):
            raise batch
        yield batch


class _Batches(Dataset[Batch | UserError]):
    """Batches numbered by the position of their first sample."""

    def __init__(self, assemble: Assemble, count: int, batch_size: int, stop: int, seed: int):
        self.assemble, self.count, self.batch_size = assemble, count, batch_size
        self.stop, self.seed = stop, seed

    def __getitem__(self, first: int) -> Batch | UserError:
        positions = range(first, min(first + self.batch_size, self.stop))
        epochs = [position // self.count for position in positions]
        indices = [
            int(permutation(self.seed, epoch, self.count)[position % self.count])
            for position, epoch in zip(positions, epochs, strict=True)
        ]
        try:
            return self.assemble(indices, epochs, torch.tensor(positions))
        except UserError as error:
            return error  # raised in a worker, its message would contain the worker's traceback
