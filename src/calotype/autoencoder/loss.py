"""The reconstruction loss: the error of each pixel, at several resolutions."""

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

    The first scale is the pixels; each further one halves the last by averaging over 2x2. Averaging
    removes texture but keeps errors of one sign over an area, so coarse scales penalise wrong
    colours and faint blobs on plain surfaces, which a plain L1 hardly sees: its optimum is the
    median of each pixel. weights: (B, H, W) positive; None for 1 everywhere. They are not
    normalised, so that a weight above 1 on objects leaves the weight of the ground at 1. All terms
    are means over pixels, so that a weight of the loss means the same at every size.
    """
    error = reconstruction.float() - pictures  # half precision is too coarse for the sums
    weight = torch.ones_like(error[:, :1]) if weights is None else weights[:, None]
    size = torch.abs if norm == "l1" else torch.square
    total = (size(error) * weight).mean(dim=(1, 2, 3))
    for _ in range(scales - 1):
        error, weight = F.avg_pool2d(error, 2), F.avg_pool2d(weight, 2)
        total = total + (size(error) * weight).mean(dim=(1, 2, 3))
    return total / scales
