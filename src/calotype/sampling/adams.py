"""Adams-Bashforth: the slopes (x - x0) / sigma of earlier steps are fitted and integrated.

The three samplers differ in the variable of the fitted polynomial: the number of the step (PLMS),
sigma (LMS) or log sigma (DEIS).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from calotype.sampling.step import PURE_NOISE, At, Denoise, Step, at_least_float32

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
"""Nodes and weights of Gaussian quadrature over [-1, 1], exact to degree 31."""

EQUIDISTANT = ((1.0,), (1.5, -0.5), (23 / 12, -4 / 3, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -0.375))
"""Weights of the newest slopes for equal strides, by the number of slopes."""


def plms(denoise: Denoise, x: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """Pseudo linear multistep (Liu et al. 2022, "Pseudo numerical methods", equations 9 to 13).

    The first of several steps is Heun's, with two calls; every other has one.
    """
    x = at_least_float32(x)
    levels = sigmas.tolist()
    slopes: list[Tensor] = []
    for index, (here, there) in enumerate(pairwise(levels)):
        x0 = denoise(x, At(here, index))
        slopes = [(x - x0) / here, *slopes[:3]]
        mixed = _sum(EQUIDISTANT[len(slopes) - 1], slopes)
        if index == 0 and there > 0 and len(levels) > 2 and here < PURE_NOISE:
            landed = x + mixed * (there - here)
            mixed = (mixed + (landed - denoise(landed, At(there, index))) / there) / 2
        x = x + mixed * (there - here)
        yield Step(index, there, x, x0)


def lms(denoise: Denoise, x: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """Linear multistep of order 4 over sigma, k-diffusion's (Adams-Bashforth, uneven strides)."""
    return _walk(denoise, x, sigmas, 4, lambda s: s)


def deis(denoise: Denoise, x: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """DEIS of order 2 over log sigma (Zhang and Chen 2022, "rho-AB-DEIS", equation 15).

    A path of fewer than 15 steps ends with a step of first order, as in diffusers.
    """
    return _walk(denoise, x, sigmas, 2, np.log, first_order_end=len(sigmas) <= 15)


def _walk(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    order: int,
    axis: Callable[[np.ndarray], np.ndarray],
    first_order_end: bool = False,
) -> Iterator[Step]:
    x = at_least_float32(x)
    levels = sigmas.tolist()
    slopes: list[Tensor] = []
    for index, (here, there) in enumerate(pairwise(levels)):
        x0 = denoise(x, At(here, index))
        slopes = [(x - x0) / here, *slopes[: order - 1]]
        if first_order_end and index == len(levels) - 2:
            slopes = slopes[:1]
        seen = levels[index - len(slopes) + 1 : index + 1][::-1]
        x = x + _sum(integrals(axis, seen, here, there), slopes)
        yield Step(index, there, x, x0)


def integrals(
    axis: Callable[[np.ndarray], np.ndarray], seen: list[float], here: float, there: float
) -> list[float]:
    """The integral from ``here`` to ``there`` of each Lagrange polynomial over axis(sigma).

    seen: the levels of the slopes, the newest first. Equal levels, as rounding may make them, count
    once: the newest of them.
    """
    if len(seen) == 1:
        return [there - here]
    levels = here + (there - here) * (NODES + 1) / 2
    at, nodes = axis(levels), axis(np.array(seen))
    found: list[float] = []
    for j, node in enumerate(nodes):
        others = [n for n in nodes if n != node]
        repeated = any(n == node for n in nodes[:j])
        basis = math.prod([(at - n) / (node - n) for n in others], start=np.ones_like(at))
        found.append(0.0 if repeated else float(WEIGHTS @ basis) * (there - here) / 2)
    return found


def _sum(weights: Sequence[float], slopes: list[Tensor]) -> Tensor:
    return functools.reduce(torch.add, map(torch.mul, slopes, weights))
