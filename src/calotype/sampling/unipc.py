"""UniPC: the prediction of DPM-Solver++(2M), corrected by the next x0 without another call."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from calotype.sampling.step import At, Denoise, Step, at_least_float32, step_to


def unipc(denoise: Denoise, x: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """Take x (B, C, h, w) down the noise levels by UniPC of order 2, B(h) = e^h - 1.

    Zhao et al. 2023, "UniPC", algorithms 5 and 7. The first step and the last are of first order.
    """
    x = at_least_float32(x)
    levels = sigmas.tolist()
    past: list[tuple[float, Tensor]] = []  # (sigma, x0), the newest first
    left, curved = x, False  # x before the last step, and whether that was of second order
    for index, (here, there) in enumerate(pairwise(levels)):
        x0 = denoise(x, At(here, index))
        if past and here < past[0][0]:
            x = step_to(corrected(past, here, x0, curved), left, past[0][0], here)
        past, left = [(here, x0), *past[:1]], x
        curved = 0 < index < len(levels) - 2 and there < here < past[1][0]
        aim = x0
        if curved:
            (_, newest), (then, before) = past
            ahead, back = math.log(here / there), math.log(then / here)
            aim = newest + (newest - before) * (ahead / (2 * back))
        x = step_to(aim, x, here, there)
        yield Step(index, there, x, x0)


def corrected(past: list[tuple[float, Tensor]], here: float, found: Tensor, curved: bool) -> Tensor:
    """The x0 that the step to ``here`` should have used, given x0 ``found`` there."""
    before, x0 = past[0]
    ahead = found - x0
    if not curved:
        return x0 + ahead / 2
    stride = math.log(before / here)
    back = math.log(past[1][0] / before) / stride
    behind = (x0 - past[1][1]) / back
    whole = 1 / -math.expm1(-stride)
    b1 = whole - 1 / stride
    b2 = whole - 2 * b1 / stride
    share = (b1 - b2) / (1 + back)
    return x0 + behind * share + ahead * (b1 - share)
