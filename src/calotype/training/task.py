"""Task: what is trained, what the loss is, what is made of it. The loop knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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
    """One kind of training."""

    @property
    def network(self) -> nn.Module:
        """What trains: all of it is saved, and averaged where a gradient moves it; the frozen lives
        elsewhere.
        """
        ...

    @property
    def shares(self) -> Mapping[str, float]:
        """The part of the learning rate for parameters whose names begin so; the others get all."""
        ...

    @property
    def frozen(self) -> Mapping[str, str]:
        """A digest of each network that the run is told by and doesn't train, by its setting."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What a person should know before the first step, a sentence each."""
        ...

    @property
    def source(self) -> Source:
        """The pictures to learn from."""
        ...

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
