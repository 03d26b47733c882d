"""Euler's method with fresh noise: DDIM, DDPM, Euler and Euler-ancestral are this one function.

In Karras coordinates the DDIM step of Song et al. 2021 (eq. 12, 16) is a straight line from x
towards x0, taken below the next noise level, and noise that brings it back up to it. The posterior
of DDPM (Ho et al. 2020, eq. 7) is eta = 1, and so is k-diffusion's Euler-ancestral. The names
differ in their paths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.step import At, Denoise, NoiseSource, Step, at_least_float32, step_to


def euler(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, eta: float = 0.0
) -> Iterator[Step]:
    """Take x (B, C, h, w) down the noise levels; eta in [0, 1] is the share of fresh noise."""
    x = at_least_float32(x)
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        x0 = denoise(x, At(here, index))
        down, up = ancestral(here, there, eta)
        x = step_to(x0, x, here, down)
        if up > 0:
            x = x + noise(index).to(x) * up
        yield Step(index, there, x, x0)


def lcm(denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource) -> Iterator[Step]:
    """Take x down the levels; at each one all of its noise is drawn anew.

    Luo et al. 2023, "Latent consistency models", algorithm 3: for networks distilled to predict x0
    in one step.
    """
    x = at_least_float32(x)
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        x0 = denoise(x, At(here, index))
        x = x0 + noise(index).to(x) * there if there > 0 else x0
        yield Step(index, there, x, x0)


def ancestral(here: float, there: float, eta: float) -> tuple[float, float]:
    """(down, up): step down to the one and add noise of the other; down^2 + up^2 = there^2."""
    kept = there / here
    up = eta * there * math.sqrt(1 - kept**2)
    # The root of there^2 - up^2, without the cancellation for a small difference.
    return there * math.sqrt((1 - eta**2) + (eta * kept) ** 2), up
