"""Example and Batch: the records that training data flows in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Example:
    """One captioned picture.

    picture: (C, H, W) float in [-1, 1]; three channels are red, green and blue.
    caption: plain words; may be empty.
    weight: (H, W) positive, how much each pixel counts in a reconstruction loss; None: all alike.
    """

    picture: Tensor
    caption: str = ""
    weight: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Examples side by side.

    positions: (B,) int64, the place of each sample in the run (samples seen before it); with the
        run's seed it determines every random draw made for the sample.
    captions: B texts.
    pictures: (B, C, H, W) float in [-1, 1], unless the pictures were encoded beforehand.
    weights: (B, H, W) positive, or None.
    moments: (B, 2 C, h, w), mean and standard deviation of the raw latents of pictures that were
        encoded beforehand.
    targets: (B, ...) what the network should say of the pictures, where captions don't tell.
    """

    positions: Tensor
    captions: tuple[str, ...]
    pictures: Tensor | None = None
    weights: Tensor | None = None
    moments: Tensor | None = None
    targets: Tensor | None = None

    @classmethod
    def of(
        cls, examples: Sequence[Example], positions: Tensor, targets: Tensor | None = None
    ) -> Batch:
        """The batch of these examples."""
        weights = [example.weight for example in examples if example.weight is not None]
        return cls(
            positions,
            tuple(example.caption for example in examples),
            torch.stack([example.picture for example in examples]),
            torch.stack(weights) if weights else None,
            targets=targets,
        )
