"""Step: what a sampler yields, beside the three types that are all it knows of the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class At:
    """Where on its path a sampler asks for x0.

    sigma: the noise level of x; in a solver of second order also between two levels of the path.
    step: the step that is being taken, counted from 0. What changes along the path (guidance,
        prompts, change maps) reads the step: a level may come twice, and a solver looks ahead.
    """

    sigma: float
    step: int


Denoise = Callable[[Tensor, At], Tensor]
"""(x, at) -> x0, both (B, C, h, w), where x = x0 + at.sigma n."""


class NoiseSource(Protocol):
    """Unit noise in x's shape: of a step, or of the way between two noise levels."""

    def __call__(self, index: int, /) -> Tensor:
        """That of step ``index``."""
        ...

    def between(self, high: float, low: float, /) -> Tensor:
        """The change of one Brownian motion in sigma, over the root of its variance."""
        ...


PURE_NOISE = 1000.0
"""A level above it has no picture to see, as the first of zero terminal SNR: its slope tells
nothing of the level below, be that a tenth or a hundredth of it, and Euler's step is exact."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a walk, after it was made.

    index: from 0.
    sigma: the noise level that x has come to.
    x: the latent there, in Karras coordinates.
    x0: the clean latent that the step was aimed at.
    """

    index: int
    sigma: float
    x: Tensor
    x0: Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32 or wider: a walk's small steps vanish in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def step_to(aim: Tensor, x: Tensor, here: float, there: float) -> Tensor:
    """x moved from one noise level to another on the straight line through ``aim`` at level 0.

    DDIM's step, and what every exponential integrator of x0 comes to in Karras coordinates.
    """
    return aim + (x - aim) * (there / here)
