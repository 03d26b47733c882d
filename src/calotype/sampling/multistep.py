"""Multistep solvers: the denoised latents of earlier steps are remembered and extrapolated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.step import Denoise, Step, state


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """Walk x (B, C, h, w) down the noise levels by DPM-Solver++(2M).

    Lu et al. 2022, "DPM-Solver++", algorithm 2, in strides of lambda = -log sigma. The first step
    and one that ends at 0 are of first order: no past the one, an infinite stride the other.
    """
    x = state(x)
    levels = sigmas.tolist()
    before, stride_before = x, 0.0
    for index, (here, there) in enumerate(pairwise(levels)):
        x0 = denoise(x, here)
        aim, stride = x0, 0.0
        if there > 0:
            stride = math.log(here / there)
            if stride_before > 0:
                aim = x0 + (x0 - before) * (stride / (2 * stride_before))
        x = aim + (x - aim) * (there / here)
        before, stride_before = x0, stride
        yield Step(index, there, x, x0)
