"""Reconstruction quality of autoencoders: the round trip, PSNR and SSIM."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from calotype.autoencoder import FirstStage

WINDOW, DEVIATION = 11, 1.5  # pixels: side and standard deviation of SSIM's Gaussian window
C1, C2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # SSIM's constants, for a range of 2


@torch.inference_mode()
def round_trip(autoencoder: FirstStage, pictures: Tensor) -> Tensor:
    """Encode pictures (B, C, H, W) in [-1, 1] to the mean of their latents, and decode these.

    Returns pictures of the same shape and type, clamped to [-1, 1].
    """
    given = pictures.to(next(autoencoder.parameters(), pictures).dtype)
    return autoencoder.decode(autoencoder.encode(given).mean).clamp(-1, 1).to(pictures)


def psnr(found: Tensor, wanted: Tensor, where: Tensor | None = None) -> Tensor:
    """The peak signal-to-noise ratio of pictures (B, C, H, W) in [-1, 1]: (B,), in dB.

    where: bool (B, H, W), the pixels that count; each picture needs at least one. Equal pictures
    have 126 dB, as the mean squared error is at least 1e-12.
    """
    squares = (found - wanted).square().mean(1)
    mask = torch.ones_like(squares) if where is None else where.to(squares)
    error = (squares * mask).sum((1, 2)) / mask.sum((1, 2))
    return 10 * torch.log10(4 / error.clamp(min=1e-12))


def ssim(found: Tensor, wanted: Tensor) -> Tensor:
    """The structural similarity of pictures (B, C, H, W) in [-1, 1]: (B,), 1 for equal pictures.

    Means, variances and covariances are weighted by a Gaussian window of 11 x 11 pixels at every
    place where it fits into the picture, whose sides must be 11 pixels or more (Wang et al. 2004,
    equation 13).
    """
    batch = len(found)
    found, wanted = (each.flatten(0, 1)[:, None].double() for each in (found, wanted))
    offsets = torch.arange(WINDOW, dtype=torch.float64, device=found.device) - WINDOW // 2
    gaussian = torch.exp(-0.5 * (offsets / DEVIATION).square())
    window = torch.outer(gaussian, gaussian)[None, None] / gaussian.sum().square()
    terms = torch.cat([found, wanted, found * found, wanted * wanted, found * wanted], 1)
    a, b, aa, bb, ab = (F.conv2d(term[:, None], window) for term in terms.unbind(1))
    luminance = (2 * a * b + C1) / (a * a + b * b + C1)
    structure = (2 * (ab - a * b) + C2) / (aa - a * a + bb - b * b + C2)
    return (luminance * structure).reshape(batch, -1).mean(1)
