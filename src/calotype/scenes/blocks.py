"""The blocks of the networks that read pictures of the built-in world."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation in 8 groups; ``channels`` is a multiple of 8."""
    return nn.GroupNorm(8, channels)


class Downsample(nn.Module):
    """Features (B, C, H, W) -> (B, wider, H / 2, W / 2)."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.conv = nn.Conv2d(channels, wider, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.silu(self.norm(x)))


class ResidualBlock(nn.Module):
    """x + f(x) with two convolutions, (B, C, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = group_norm(channels), group_norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(inner)))


def resize(pictures: Tensor, size: int) -> Tensor:
    """Pictures (B, C, H, W) -> (B, C, size, size), by antialiased bilinear interpolation."""
    if pictures.shape[-2:] == (size, size):
        return pictures
    return F.interpolate(pictures, (size, size), mode="bilinear", antialias=True)
