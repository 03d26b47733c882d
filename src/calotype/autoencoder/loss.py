"""How far a reconstruction is from its picture."""

import torch
from torch import Tensor
from torch.nn import functional as F


def reconstruction_loss(
    reconstruction: Tensor, pictures: Tensor, weights: Tensor | None, scales: int
) -> Tensor:
    """Absolute error, weighted by pixel, a mean over ``scales`` resolutions: (B, C, H, W) -> (B,).

    The first scale is the pixels, each next one halves the last by averaging. At a coarse scale the
    errors that share a sign over an area remain while texture averages out: this holds colours and
    bare grounds to account where a plain L1, content with each pixel's median, lets a faint blob
    pass. weights: (B, H, W) positive; the ground has 1, so that what lies on it never makes it
    cheaper. All terms are means over pixels: a weight of the loss means the same at every size.
    """
    error = reconstruction.float() - pictures  # half precision would not do for the sums
    weight = torch.ones_like(error[:, :1]) if weights is None else weights[:, None]
    total = (error.abs() * weight).mean(dim=(1, 2, 3))
    for _ in range(scales - 1):
        error, weight = F.avg_pool2d(error, 2), F.avg_pool2d(weight, 2)
        total = total + (error.abs() * weight).mean(dim=(1, 2, 3))
    return total / scales
