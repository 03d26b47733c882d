"""degrade: renderings made a little worse, for networks that will read the pictures of models."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from calotype.diffusion import normal, uniform

NOISE, BRIGHTNESS, CONTRAST = 0.08, 0.10, 0.15  # the most of each


def degrade(pictures: Tensor, seed: int, positions: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) a little out of focus, blotched, darker or brighter, flatter.

    Pictures of models are seldom as clean as renderings. What is done to each is a function of the
    seed and of its position (B,) in the run.
    """

    def draw(purpose: str) -> Tensor:
        return uniform(seed, positions, purpose).to(pictures)[:, None, None, None]

    soft = F.avg_pool2d(pictures, 5, stride=1, padding=2, count_include_pad=False)
    found = torch.lerp(pictures, soft, draw("softness"))
    found = found * (1 + CONTRAST * (2 * draw("contrast") - 1))
    found = found + BRIGHTNESS * (2 * draw("brightness") - 1)
    size = pictures.shape[-1]
    blotches = normal(seed, positions, "noise", (3, size // 4, size // 4)).to(pictures)
    noise = F.interpolate(blotches, (size, size), mode="bilinear")
    return found + NOISE * draw("noisiness") * noise
