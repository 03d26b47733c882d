"""How much of a picture an autoencoder keeps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from calotype.autoencoder import FirstStage

WINDOW, DEVIATION = 11, 1.5  # pixels, of what structural similarity is seen through
DARK, FLAT = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # of a range of 2


@torch.inference_mode()
def round_trip(autoencoder: FirstStage, pictures: Tensor) -> Tensor:
    """Pictures (B, C, H, W) in [-1, 1] through the mean of their latents and back."""
    given = pictures.to(next(autoencoder.parameters(), pictures).dtype)
    return autoencoder.decode(autoencoder.encode(given).mean).clamp(-1, 1).to(pictures)


def psnr(found: Tensor, wanted: Tensor, where: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in dB of each of (B, C, H, W) in [-1, 1]: (B,).

    where: bool (B, H, W), the pixels that count; each picture needs one.
    """
    squares = (found - wanted).square().mean(1)
    mask = torch.ones_like(squares) if where is None else where.to(squares)
    error = (squares * mask).sum((1, 2)) / mask.sum((1, 2))
    return 10 * torch.log10(4 / error.clamp(min=1e-12))


def ssim(found: Tensor, wanted: Tensor) -> Tensor:
    """Structural similarity of each of (B, C, H, W) in [-1, 1]: (B,), 1 for the same picture.

    Means, variances and covariances under a Gaussian window, wherever it lies wholly inside; sides
    of 11 pixels at least (Wang et al. 2004, equation 13).
    """
    batch = len(found)
    found, wanted = (each.flatten(0, 1)[:, None].double() for each in (found, wanted))
    away = torch.arange(WINDOW, dtype=torch.float64, device=found.device) - WINDOW // 2
    bell = torch.exp(-0.5 * (away / DEVIATION).square())
    window = torch.outer(bell, bell)[None, None] / bell.sum().square()
    terms = torch.cat([found, wanted, found * found, wanted * wanted, found * wanted], 1)
    a, b, aa, bb, ab = (F.conv2d(term[:, None], window) for term in terms.unbind(1))
    alike = (2 * a * b + DARK) / (a * a + b * b + DARK)
    together = (2 * (ab - a * b) + FLAT) / (aa - a * a + bb - b * b + FLAT)
    return (alike * together).reshape(batch, -1).mean(1)
