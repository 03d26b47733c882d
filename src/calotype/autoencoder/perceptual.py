"""The perceptual distance of two pictures: the difference of a network's features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-10


def perceptual_distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """The distance of the features of two batches of pictures, a list of (B, C, h, w) each: (B,).

    At each position the channels are scaled to unit length; their squared differences are added,
    then averaged over positions and layers (Zhang et al. 2018, equation 1, with equal weights).
    """
    layers = [
        (_unit(a) - _unit(b)).square().sum(1).mean((1, 2))
        for a, b in zip(found, wanted, strict=True)
    ]
    return torch.stack(layers).mean(0)


def _unit(features: Tensor) -> Tensor:
    """Unit length over the channels, in float32."""
    features = features.float()
    return features / (features.square().sum(1, keepdim=True) + EPSILON).sqrt()
