"""How much of a picture an autoencoder keeps."""

from __future__ import annotations

import torch
from torch import Tensor

from calotype.autoencoder import FirstStage


@torch.inference_mode()
def round_trip(autoencoder: FirstStage, pictures: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in [-1, 1] through the mean of their latents and back."""
    given = pictures.to(next(autoencoder.parameters(), pictures).dtype)
    return autoencoder.decode(autoencoder.encode(given).mean).clamp(-1, 1).to(pictures)


def psnr(found: Tensor, wanted: Tensor, where: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in dB of each of (B, 3, H, W) in [-1, 1]: (B,).

    where: bool (B, H, W), the pixels that count; each picture needs one.
    """
    squares = (found - wanted).square().mean(1)
    mask = torch.ones_like(squares) if where is None else where.to(squares)
    error = (squares * mask).sum((1, 2)) / mask.sum((1, 2))
    return 10 * torch.log10(4 / error.clamp(min=1e-12))
