"""Multistep solvers: the denoised latents of earlier steps are remembered and extrapolated.

Strides are in lambda = -log sigma. With eta above 0 the SDE is solved: a step goes below the next
level by the share eta of the stride, and noise brings it back up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.step import At, Denoise, NoiseSource, Step, at_least_float32, step_to


def dpmpp_2m(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, eta: float = 0.0
) -> Iterator[Step]:
    """Take x (B, C, h, w) down the noise levels by DPM-Solver++(2M), or at eta = 1 by 2M SDE.

    Lu et al. 2022, "DPM-Solver++", algorithm 2 and equation 17. The first step and one that ends
    at 0 are of first order: the first has no past, the last an infinite stride.
    """
    x = at_least_float32(x)
    before, stride_before = x, 0.0
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        x0 = denoise(x, At(here, index))
        aim, stride = x0, 0.0
        if there > 0:
            stride = math.log(here / there)
            if stride_before > 0:
                aim = x0 + (x0 - before) * (stride / (2 * stride_before))
        down, up = reverse_sde(here, there, eta)
        x = step_to(aim, x, here, down)
        if up > 0:
            x = x + noise.between(here, there).to(x) * up
        before, stride_before = x0, stride
        yield Step(index, there, x, x0)


def dpmpp_3m(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, eta: float = 1.0
) -> Iterator[Step]:
    """Take x down the noise levels by DPM-Solver++(3M) for the SDE, as k-diffusion does.

    A parabola in lambda is fitted to the last three x0 by divided differences; its terms have the
    exponential integrals phi_2 and phi_3 as weights.
    """
    x = at_least_float32(x)
    past: list[tuple[float, Tensor]] = []  # (lambda, x0), the newest first
    for index, (here, there) in enumerate(pairwise(sigmas.tolist())):
        x0 = denoise(x, At(here, index))
        down, up = reverse_sde(here, there, eta)
        x = step_to(x0, x, here, down)
        if there > 0:
            past = [(-math.log(here), x0), *past[:2]]
            x = x + _curved(past, math.log(here / there), math.log(here / down))
        if up > 0:
            x = x + noise.between(here, there).to(x) * up
        yield Step(index, there, x, x0)


def _curved(past: list[tuple[float, Tensor]], stride: float, longer: float) -> Tensor | float:
    """What slope and curvature of x0 add to a step; ``longer`` is the stride with eta's share."""
    backs = [(a - b) / stride for (a, _), (b, _) in pairwise(past)] if stride else []
    if not backs or 0 in backs:  # no past yet, or levels that meet
        return 0.0
    slope, *older = [
        (a - b) / back for ((_, a), (_, b)), back in zip(pairwise(past), backs, strict=True)
    ]
    phi_2 = math.expm1(-longer) / longer + 1
    if not older:
        return slope * phi_2
    bend = (slope - older[0]) / sum(backs)
    return (slope + bend * backs[0]) * phi_2 - bend * (phi_2 / longer - 0.5)


def reverse_sde(here: float, there: float, eta: float) -> tuple[float, float]:
    """(down, up) of the reverse SDE's exact step over a constant x0; down^2 + up^2 = there^2."""
    down = there * (there / here) ** eta
    return down, math.sqrt(max(0.0, there**2 - down**2))
