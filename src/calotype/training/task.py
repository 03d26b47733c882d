"""Task: what is trained, what the loss is, what is made of it. The loop knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from PIL import Image
from torch import Tensor, nn

from calotype.data import Source
from calotype.example import Batch


@dataclass(frozen=True)
class Loss:
    """The loss of a batch.

    total: scalar to be minimised.
    metrics: scalars for the journal, by name; the total is written there too.
    adversary: the part of the network that a loss of its own moves, if there is one; its gradients
    are clipped by their own norm, or a discriminator that learns much would leave the rest little.
    """

    total: Tensor
    metrics: dict[str, Tensor]
    adversary: nn.Module | None = None


class Task(Protocol):
    """One kind of training.

    network: what trains: all of it is saved, and averaged where a gradient moves it; the frozen
        lives elsewhere.
    source: the pictures to learn from.
    shares: the part of the learning rate for parameters whose names begin so; the others get all.
    frozen: a digest of each network that the run is told by and doesn't train, by its setting.
    remarks: what a person should know before the first step, a sentence each.
    """

    network: nn.Module
    source: Source
    shares: Mapping[str, float] = MappingProxyType({})
    frozen: Mapping[str, str] = MappingProxyType({})
    remarks: Sequence[str] = ()

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        """The batch of these pictures, captions and places in the run."""
        ...

    def loss(self, batch: Batch) -> Loss:
        """The loss of a batch; every draw is a function of the seed and the batch's positions.

        Called once a step: what is learned otherwise than by gradients, as a codebook's running
        means, moves here.
        """
        ...

    def preview(self) -> Image.Image:
        """A contact sheet of what the network does now, always of the same things."""
        ...

    def export(self, folder: Path) -> None:
        """Write the network as other programs read it."""
        ...
