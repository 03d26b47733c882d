"""Heun's method: Euler's step, corrected by the slope where it lands (Karras 2022, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.step import Denoise, Step, state


def heun(denoise: Denoise, x: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """Walk x (B, C, h, w) down the noise levels; two calls a step, one for a step down to 0."""
    x = state(x)
    levels = sigmas.tolist()
    for index, (here, there) in enumerate(pairwise(levels)):
        x0 = denoise(x, here)
        slope = (x - x0) / here
        landed = x + slope * (there - here)
        if there > 0:
            slope = (slope + (landed - denoise(landed, there)) / there) / 2
            landed = x + slope * (there - here)
        x = landed
        yield Step(index, there, x, x0)
