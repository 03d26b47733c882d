"""Example and Batch: the records that training data flows in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Known = Mapping[str, Any]
"""What is known about B pictures, by name: a tensor of B rows, or a sequence of B values.

"captions" are texts. An embedder reads the name that is its ``field``; a loss reads others.
"""


@dataclass(frozen=True)
class Example:
    """One picture, and what is known about it.

    picture: (C, H, W) float in [-1, 1]; three channels are red, green and blue.
    known: values of this picture by name, as in ``Known``: "captions" is one text, maybe empty.
    weight: (H, W) positive, how much each pixel counts in a reconstruction loss; None: all alike.
    """

    picture: Tensor
    known: Known = field(default_factory=dict)
    weight: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Examples side by side.

    positions: (B,) int64, the place of each sample in the run (samples seen before it); with the
        run's seed it determines every random draw made for the sample.
    known: what is known about the pictures, B values of each name.
    pictures: (B, C, H, W) float in [-1, 1], unless the pictures were encoded beforehand.
    weights: (B, H, W) positive, or None.
    moments: (B, 2 C, h, w), mean and standard deviation of the raw latents of pictures that were
        encoded beforehand; (B, C, h, w), the latents, for a first stage that has no deviation.
    """

    positions: Tensor
    known: Known = field(default_factory=dict)
    pictures: Tensor | None = None
    weights: Tensor | None = None
    moments: Tensor | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def of(
        cls, examples: Sequence[Example], positions: Tensor, known: Known | None = None
    ) -> Batch:
        """The batch of these examples. known: B values of each name, beside the examples' own."""
        weights = [example.weight for example in examples if example.weight is not None]
        names = examples[0].known if examples else {}
        own = {name: _joined([example.known[name] for example in examples]) for name in names}
        return cls(
            positions,
            {**own, **(known or {})},
            torch.stack([example.picture for example in examples]),
            torch.stack(weights) if weights else None,
        )


def _joined(values: Sequence[Any]) -> Any:
    return torch.stack([*values]) if isinstance(values[0], Tensor) else tuple(values)
