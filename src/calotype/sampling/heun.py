"""Heun's method: Euler's step, corrected by the slope where it lands (Karras 2022, algorithm 1)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.step import PURE_NOISE, At, Denoise, NoiseSource, Step, at_least_float32


def heun(denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource) -> Iterator[Step]:
    """Take x (B, C, h, w) along the noise levels; two calls a step, one down to 0 or from noise.

    Where the path goes up, noise is added and the network is not called: on such a path this is
    restart sampling (Xu et al. 2023, algorithm 1), which discards accumulated errors there.
    """
    x = x0 = at_least_float32(x)
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        if there > here:
            x = x + noise(index).to(x) * math.sqrt(there**2 - here**2)
        else:
            x0 = denoise(x, At(here, index))
            slope = (x - x0) / here
            landed = x + slope * (there - here)
            if there > 0 and here < PURE_NOISE:
                slope = (slope + (landed - denoise(landed, At(there, index))) / there) / 2
                landed = x + slope * (there - here)
            x = landed
        yield Step(index, there, x, x0)
