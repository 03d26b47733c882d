"""Guidance: the conditions of a step, their weights, and how their x0 are combined."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from calotype.condition import Condition
from calotype.diffusion import Denoiser, denoised, target
from calotype.sampling.step import At, Denoise

Weight = float | Tensor
"""One number for all rows, or (B, 1, 1, 1), one for each."""


@dataclass(frozen=True, eq=False)
class Term:
    """A condition that the result is moved towards, or away from.

    weight: how far, in units of the difference between x0 under this condition and under the base.
    unscaled: the weight if all guidance scales were 1; rescaling compares with it.
    """

    condition: Condition
    weight: Weight
    unscaled: Weight


@dataclass(frozen=True, eq=False)
class Guidance:
    """The guidance of one step: x0 = D_0 + scale * sum_k w_k (D_k - D_0).

    D_0 is x0 under ``base``, D_k under term k. Without terms it is D_0: no guidance.
    rescale: in [0, 1], how much of the output's spread is brought back to what it is at scale 1
        (Lin et al. 2023, section 3.4).
    """

    base: Condition
    terms: tuple[Term, ...] = ()
    scale: Weight = 1.0
    rescale: float = 0.0


Weighted = Sequence[tuple[Condition, Weight]]
"""Conditions that hold at once, each with its weight."""


def classifier_free(
    condition: Condition | Weighted,
    negative: Condition,
    scale: Weight,
    rescale: float = 0.0,
) -> Guidance:
    """From ``negative`` towards ``condition``, and ``scale`` times as far.

    Ho and Salimans 2022, "Classifier-free diffusion guidance". Scale 1 of one condition is that
    condition alone. For several, the differences are added with their weights (Liu et al. 2022,
    "Compositional visual generation", equation 11).
    """
    parts: Weighted = [(condition, 1.0)] if isinstance(condition, Condition) else condition
    if _equals(scale, 1) and len(parts) == 1 and _equals(parts[0][1], 1):
        return Guidance(parts[0][0])
    terms = tuple(Term(part, weight, unscaled=weight) for part, weight in parts)
    return Guidance(negative, terms, scale, rescale)


def guided(denoiser: Denoiser, guidance: Guidance, x: Tensor, sigma: float) -> Tensor:
    """x0 (B, C, h, w) of x (B, C, h, w) at a noise level, under a step's guidance.

    The conditions are stacked into one call of the network, so they must have the same fields.
    Where one call would more than double the longest context, they are stacked into several.
    """
    if not guidance.terms:
        return denoiser(x, sigma, guidance.base)
    conditions = [guidance.base, *[term.condition for term in guidance.terms]]
    base, *found = _x0_of_each(denoiser, conditions, x, sigma)
    weighted = list(zip(guidance.terms, found, strict=True))
    # x0 is affine in the network's output: guiding one is guiding the other.
    direction = functools.reduce(torch.add, [(x0 - base) * term.weight for term, x0 in weighted])
    result = base + direction * guidance.scale
    if guidance.rescale == 0:
        return result
    if len(found) == 1 and _equals(guidance.terms[0].unscaled, 1):
        return rescaled(denoiser, result, found[0], x, sigma, guidance.rescale)
    direction = functools.reduce(torch.add, [(x0 - base) * term.unscaled for term, x0 in weighted])
    return rescaled(denoiser, result, base + direction, x, sigma, guidance.rescale)


def _x0_of_each(
    denoiser: Denoiser, conditions: Sequence[Condition], x: Tensor, sigma: float
) -> list[Tensor]:
    """x0 under each of the conditions, in their order."""
    found: dict[int, Tensor] = {}
    for group in _group_calls(conditions):
        stacked = Condition.stack([conditions[index] for index in group])
        rows = denoiser(torch.cat([x] * len(group)), sigma, stacked)
        found |= zip(group, rows.chunk(len(group)), strict=True)
    return [found[index] for index in range(len(conditions))]


def _group_calls(conditions: Sequence[Condition]) -> list[list[int]]:
    """Which conditions share a call, by number: see ``share_a_call``."""
    groups: list[tuple[list[int], list[int]]] = []  # numbers, lengths of contexts
    for index, condition in enumerate(conditions):
        length = 1 if condition.context is None else condition.context.shape[1]
        for numbers, lengths in groups:
            if share_a_call([*lengths, length]):
                numbers.append(index)
                lengths.append(length)
                break
        else:
            groups.append(([index], [length]))
    return [numbers for numbers, _ in groups]


def share_a_call(lengths: Sequence[int]) -> bool:
    """Whether repeating contexts of these lengths to a common one at most doubles the longest."""
    return math.lcm(*lengths) <= 2 * max(lengths)


def _equals(weight: Weight, number: float) -> bool:
    return not isinstance(weight, Tensor) and weight == number


def thresholded(denoise: Denoise, quantile: float, minimum: float = 1.0) -> Denoise:
    """Dynamic thresholding: x0 clipped at a quantile of its magnitudes, scaled to ``minimum``.

    Saharia et al. 2022, "Imagen", section 2.3; for models of pixels. Each row is clipped at that
    quantile of its own, if it is above ``minimum``.
    """

    def clipped(x: Tensor, at: At) -> Tensor:
        x0 = denoise(x, at)
        ranked = x0.abs().flatten(1).sort(dim=1).values
        reach = ranked[:, round(quantile * (ranked.shape[1] - 1))]
        reach = reach.clamp(min=minimum).reshape(-1, *[1] * (x0.ndim - 1))
        return x0.clamp(-reach, reach) * (minimum / reach)

    return clipped


def rescaled(
    denoiser: Denoiser, result: Tensor, reference: Tensor, x: Tensor, sigma: float, amount: float
) -> Tensor:
    """x0 ``result`` with the deviation of its network output brought towards a reference's.

    reference: x0 whose network output has the deviation aimed at. It is the output that is
    rescaled, not x0, whose deviation includes the picture's own (Lin et al. 2023, section 3.4).
    """
    level = torch.tensor(sigma, dtype=torch.float64)
    output = target(denoiser.prediction, result, x, level)
    model = target(denoiser.prediction, reference, x, level)
    ratio = _row_std(model) / _row_std(output)
    return denoised(denoiser.prediction, output * (1 + amount * (ratio - 1)), x, level)


def _row_std(output: Tensor) -> Tensor:
    """The standard deviation of each row, in a shape that broadcasts."""
    return output.flatten(1).std(1).reshape(-1, *[1] * (output.ndim - 1))
