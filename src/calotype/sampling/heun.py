"""Heun's method: Euler's step, corrected by the slope where it lands (Karras 2022, algorithm 1)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.step import Denoise, NoiseSource, Step, state


def heun(denoise: Denoise, x: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """Walk x (B, C, h, w) down the noise levels; two calls a step, one for a step down to 0."""
    x = state(x)
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        x, x0 = heun_step(denoise, x, here, there)
        yield Step(index, there, x, x0)


def restart(denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource) -> Iterator[Step]:
    """Heun's method along a path that may go up, where it adds noise and calls no network.

    Xu et al. 2023, "Restart sampling", algorithm 1: what has gone wrong by then is forgotten.
    """
    x = x0 = state(x)
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        if there > here:
            x = x + noise(index).to(x) * math.sqrt(there**2 - here**2)
        else:
            x, x0 = heun_step(denoise, x, here, there)
        yield Step(index, there, x, x0)


def heun_step(denoise: Denoise, x: Tensor, here: float, there: float) -> tuple[Tensor, Tensor]:
    """x at the next level, and the x0 that was seen at this one."""
    x0 = denoise(x, here)
    slope = (x - x0) / here
    landed = x + slope * (there - here)
    if there > 0:
        slope = (slope + (landed - denoise(landed, there)) / there) / 2
        landed = x + slope * (there - here)
    return landed, x0
