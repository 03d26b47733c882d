"""Guidance: anything that turns a denoiser into a denoiser."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from calotype.condition import Condition
from calotype.diffusion import Denoiser, denoised, target
from calotype.sampling.step import Denoise

Parts = Sequence[tuple[Condition, Tensor | float]]
"""Conditions that hold at once, each with its weight, a number or (B, 1, 1, 1)."""


def classifier_free(
    denoiser: Denoiser,
    condition: Condition | Parts,
    negative: Condition,
    scale: float,
    rescale: float = 0.0,
) -> Denoise:
    """From ``negative`` towards ``condition``, ``scale`` times as far as that lies.

    Ho and Salimans 2022, "Classifier-free diffusion guidance". Scale 1 is the condition alone, and
    calls the network with it alone; any other calls it once with both, stacked, so the two have
    the same fields and shapes. Of several conditions, the ways to each are added, with their
    weights (Liu et al. 2022, "Compositional visual generation", equation 11). ``rescale`` in [0, 1]
    brings the network's output back towards the spread it has with the condition alone (Lin et al.
    2023, section 3.4).
    """
    parts: Parts = [(condition, 1.0)] if isinstance(condition, Condition) else condition
    (first, weight), *others = parts
    alone = first if not others and isinstance(weight, float) and weight == 1 else None
    if scale == 1 and alone is not None:
        return lambda x, sigma: denoiser(x, sigma, alone)
    every = Condition.stack([negative, *(part for part, _ in parts)])

    def denoise(x: Tensor, sigma: float) -> Tensor:
        rows = torch.cat([x] * (1 + len(parts)))
        away, *found = denoiser(rows, sigma, every).chunk(1 + len(parts))
        # Denoised latents are affine in the outputs: guiding the ones is guiding the others.
        ways = [(one - away) * weight for one, (_, weight) in zip(found, parts, strict=True)]
        way = functools.reduce(torch.add, ways)
        guided = away + way * scale
        if rescale == 0:
            return guided
        towards = found[0] if alone is not None else away + way
        return rescaled(denoiser, guided, towards, x, sigma, rescale)

    return denoise


def thresholded(denoise: Denoise, share: float, least: float = 1.0) -> Denoise:
    """x0 clipped where its largest numbers begin, and scaled to ``least``.

    Dynamic thresholding (Saharia et al. 2022, "Imagen", section 2.3), for models of pixels: of each
    row, ``share`` of the numbers are smaller than where it is clipped, if that is above ``least``.
    """

    def clipped(x: Tensor, sigma: float) -> Tensor:
        x0 = denoise(x, sigma)
        ranked = x0.abs().flatten(1).sort(dim=1).values
        reach = ranked[:, round(share * (ranked.shape[1] - 1))]
        reach = reach.clamp(min=least).reshape(-1, *[1] * (x0.ndim - 1))
        return x0.clamp(-reach, reach) * (least / reach)

    return clipped


def rescaled(
    denoiser: Denoiser, guided: Tensor, towards: Tensor, x: Tensor, sigma: float, amount: float
) -> Tensor:
    """``guided``, its network output brought towards the spread of that of ``towards``.

    On the output, not on x0 itself, whose spread holds the picture's too.
    """
    level = torch.tensor(sigma, dtype=torch.float64)
    output = target(denoiser.prediction, guided, x, level)
    model = target(denoiser.prediction, towards, x, level)
    ratio = _spread(model) / _spread(output)
    return denoised(denoiser.prediction, output * (1 + amount * (ratio - 1)), x, level)


def _spread(output: Tensor) -> Tensor:
    """The standard deviation of each row, in a shape that broadcasts."""
    return output.flatten(1).std(1).reshape(-1, *[1] * (output.ndim - 1))
