"""Step: what a sampler yields; and the two functions that are all it knows of the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]
"""(x, sigma) -> x0, where x = x0 + sigma n."""

NoiseSource = Callable[[int], Tensor]
"""Step index -> unit noise in x's shape."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a walk, after it was made.

    index: from 0.
    sigma: the noise level that x has come down to.
    x: the latent there, in Karras coordinates.
    x0: the clean latent that the step was aimed at.
    """

    index: int
    sigma: float
    x: Tensor
    x0: Tensor


def state(x: Tensor) -> Tensor:
    """x in float32 or wider: a walk's small steps vanish in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
