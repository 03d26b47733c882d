"""Example and Batch: the records that training data flows in."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Example:
    """One captioned picture.

    picture: (3, H, W) float in [-1, 1].
    caption: plain words; may be empty.
    weight: (H, W) positive, how much each pixel counts in a reconstruction loss; None counts all alike.
    """

    picture: Tensor
    caption: str = ""
    weight: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Examples side by side.

    pictures: (B, 3, H, W) float in [-1, 1].
    captions: B texts.
    positions: (B,) int64, the place of each sample in the run (samples seen before it); with the run's
        seed it determines every random draw made for the sample.
    weights: (B, H, W) or None.
    """

    pictures: Tensor
    captions: tuple[str, ...]
    positions: Tensor
    weights: Tensor | None = None
