"""How far a reconstruction is from its picture."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Norm = Literal["l1", "l2"]


def reconstruction_loss(
    reconstruction: Tensor,
    pictures: Tensor,
    weights: Tensor | None,
    scales: int,
    norm: Norm = "l1",
) -> Tensor:
    """Absolute (l1) or squared (l2) error, weighted by pixel, a mean over ``scales`` resolutions:
    (B, C, H, W) -> (B,).

    The first scale is the pixels, each next one halves the last by averaging. At a coarse scale the
    errors that share a sign over an area remain while texture averages out: this holds colours and
    bare grounds to account where a plain L1, content with each pixel's median, lets a faint blob
    pass. weights: (B, H, W) positive; the ground has 1, so that what lies on it never makes it
    cheaper. All terms are means over pixels: a weight of the loss means the same at every size.
    """
    error = reconstruction.float() - pictures  # half precision would not do for the sums
    weight = torch.ones_like(error[:, :1]) if weights is None else weights[:, None]
    size = torch.abs if norm == "l1" else torch.square
    total = (size(error) * weight).mean(dim=(1, 2, 3))
    for _ in range(scales - 1):
        error, weight = F.avg_pool2d(error, 2), F.avg_pool2d(weight, 2)
        total = total + (size(error) * weight).mean(dim=(1, 2, 3))
    return total / scales
