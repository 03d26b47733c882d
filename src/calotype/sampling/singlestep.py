"""Singlestep solvers of second order: each step evaluates the network at its midpoint too.

The midpoint is the geometric mean of two noise levels. DPM-Solver-2 uses its slope (x - x0) / sigma
for the whole step, DPM-Solver++(2S) its x0; each goes below the next level and adds noise where eta
says so, as ``euler`` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.euler import ancestral
from calotype.sampling.step import (
    PURE_NOISE,
    At,
    Denoise,
    NoiseSource,
    Step,
    at_least_float32,
    step_to,
)


def dpm2(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, eta: float = 0.0
) -> Iterator[Step]:
    """DPM-Solver-2 in k-diffusion's form (Lu et al. 2022, "DPM-Solver"; Karras 2022, section 3)."""

    def land(x: Tensor, y: Tensor, x0: Tensor, here: float, half: float, down: float) -> Tensor:
        alone = here > PURE_NOISE
        return step_to(x0, x, here, down) if alone else x + (y - x0) / half * (down - here)

    return _walk(denoise, x, sigmas, noise, eta, land)


def dpmpp_2s(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, eta: float = 0.0
) -> Iterator[Step]:
    """DPM-Solver++(2S) (Lu et al. 2022, algorithm 1), ancestral as k-diffusion's."""

    def land(x: Tensor, y: Tensor, x0: Tensor, here: float, half: float, down: float) -> Tensor:
        return step_to(x0, x, here, down)

    return _walk(denoise, x, sigmas, noise, eta, land)


def _walk(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: NoiseSource,
    eta: float,
    land: Callable[..., Tensor],
) -> Iterator[Step]:
    """Two calls a step, one for a step down to 0; ``land`` takes the step from the midpoint."""
    x = at_least_float32(x)
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        x0 = denoise(x, At(here, index))
        down, up = ancestral(here, there, eta)
        if down > 0:
            half = math.sqrt(here * down)
            between = step_to(x0, x, here, half)
            x0 = denoise(between, At(half, index))
            x = land(x, between, x0, here, half, down)
        else:
            x = x0
        if up > 0:
            x = x + noise(index).to(x) * up
        yield Step(index, there, x, x0)


def dpmpp_sde(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, eta: float = 1.0
) -> Iterator[Step]:
    """DPM-Solver++ for the SDE, k-diffusion's: both halves draw from one Brownian motion.

    Two calls a step, one for a step down to 0.
    """
    x = at_least_float32(x)
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        x0 = denoise(x, At(here, index))
        if there > 0:
            half = math.sqrt(here * there)
            down, up = ancestral(here, half, eta)
            between = step_to(x0, x, here, down)
            if up > 0:
                between = between + noise.between(here, half).to(x) * up
            x0 = denoise(between, At(half, index))
        down, up = ancestral(here, there, eta)
        x = step_to(x0, x, here, down)
        if up > 0:
            x = x + noise.between(here, there).to(x) * up
        yield Step(index, there, x, x0)
