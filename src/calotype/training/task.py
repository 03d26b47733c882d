"""Task: what is trained, what its loss is, what is saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from PIL import Image
from torch import Tensor, nn

from calotype.example import Batch
from calotype.source import Source


@dataclass(frozen=True)
class Loss:
    """The loss of a batch.

    total: scalar to be minimised, a mean over the batch's samples.
    metrics: scalars for the journal, by name; the total is written there too.
    """

    total: Tensor
    metrics: Mapping[str, Tensor]


@dataclass(frozen=True)
class Group:
    """Parameters that one optimiser step treats alike.

    share: their learning rate, as a part of ``optimizer.rate``.
    norm: the journal's name of the norm of their gradients. The groups of one name are clipped
        together, by the norm of all their gradients, to ``optimizer.clip``.
    """

    parameters: Sequence[nn.Parameter]
    share: float = 1.0
    norm: str = "gradient_norm"


class Task(ABC):
    """One kind of training; the loop knows nothing else of it.

    network: what trains: all of it is saved in checkpoints, and averaged where a gradient moves
        it. Frozen networks are kept elsewhere.
    source: the pictures to learn from.
    frozen: digests of the networks that the run uses and doesn't train, by the setting that names
        each. A resumed run is refused where one has changed.
    remarks: what a person should know before the first step, a sentence each.
    """

    network: nn.Module
    source: Source
    frozen: Mapping[str, str] = MappingProxyType({})
    remarks: Sequence[str] = ()

    def groups(self) -> Sequence[Group]:
        """All parameters of ``network``, each in one group: here all in one."""
        return [Group([*self.network.parameters()])]

    @abstractmethod
    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        """The batch of these pictures, variants of their captions and places in the run.

        Called in the processes of ``data.workers``, where there are any.
        """

    @abstractmethod
    def loss(self, batch: Batch) -> Loss:
        """The loss of a batch; every draw is a function of the seed and the batch's positions.

        Called once for each batch, ``loop.accumulate`` times an optimiser step: what is learned
        otherwise than by gradients, as a codebook's running means, moves here, at every call.
        """

    @abstractmethod
    def preview(self) -> Image.Image:
        """A contact sheet of what the network does now, always of the same pictures or prompts."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write the network as other programs read it."""
