"""Step: what a sampler yields, and the types of its arguments."""

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
    """Unit noise in x's shape: for a step, or for the interval between two noise levels."""

    def __call__(self, index: int, /) -> Tensor:
        """The noise of step ``index``."""
        ...

    def between(self, high: float, low: float, /) -> Tensor:
        """The change of one Brownian motion in sigma, over the root of its variance."""
        ...


PURE_NOISE = 1000.0
"""Above this level x is noise alone, as at the first level of zero terminal SNR: the slope there
says nothing about the level below, even at a hundredth of it, and Euler's step is exact."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step, after it was taken.

    index: from 0.
    sigma: the noise level that x has reached.
    x: the latent there, in Karras coordinates.
    x0: the estimate of the clean latent that the step used.
    """

    index: int
    sigma: float
    x: Tensor
    x0: Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32 or wider: small steps vanish in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def step_to(aim: Tensor, x: Tensor, here: float, there: float) -> Tensor:
    """x moved from one noise level to another on the straight line through ``aim`` at level 0.

    DDIM's step, and what every exponential integrator of x0 comes to in Karras coordinates.
    """
    return aim + (x - aim) * (there / here)
