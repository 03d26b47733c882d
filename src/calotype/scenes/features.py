"""FeatureNetwork: features for a perceptual loss, learned by predicting depth and normals."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.scenes.camera import DISTANCE
from calotype.scenes.normals import normals

WIDTHS = (16, 32, 64, 96)
SHRUNK = 4  # pixels of the picture along each side of a predicted pixel
DEPTH_UNIT = 3.0  # scale of depths relative to the camera's distance: most are then in [-1, 1]


class FeatureNetwork(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] -> features at four resolutions, H and W halved each time.

    ``surfaces`` predicts what it was trained on: (B, 4, H / 4, W / 4), scaled depth, unit normals.
    """

    def __init__(self) -> None:
        super().__init__()
        before = (3, *WIDTHS[:-1])
        self.stages = nn.ModuleList(
            _Stage(narrow, wide, stride=1 if level == 0 else 2)
            for level, (narrow, wide) in enumerate(zip(before, WIDTHS, strict=True))
        )
        self.fine, self.coarse = nn.Conv2d(WIDTHS[2], 64, 1), nn.Conv2d(WIDTHS[3], 64, 1)
        self.head = nn.Conv2d(64, 4, 3, padding=1)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        features = [pictures]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features[1:]

    def surfaces(self, pictures: Tensor) -> Tensor:
        """Predicted depth and normals (B, 4, H / 4, W / 4), scaled as in ``surface_targets``."""
        *_, fine, coarse = self(pictures)
        wide = F.interpolate(self.coarse(coarse), fine.shape[-2:], mode="bilinear")
        found = self.head(F.silu(self.fine(fine) + wide))
        return torch.cat([found[:, :1], F.normalize(found[:, 1:], dim=1)], dim=1)


class _Stage(nn.Module):
    """Two convolutions, the first with a stride."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(narrow, wide, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(wide, wide, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(8, wide), nn.GroupNorm(8, wide)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.silu(self.norm1(self.conv1(x)))
        return F.silu(self.norm2(self.conv2(inner)))


def surface_targets(depth: Tensor) -> Tensor:
    """Depths (B, H, W) of renderings -> targets of ``surfaces``, (B, 4, H / 4, W / 4)."""
    scaled = ((depth - DISTANCE) / DEPTH_UNIT)[:, None]
    small = F.avg_pool2d(torch.cat([scaled, normals(depth)], dim=1), SHRUNK)
    return torch.cat([small[:, :1], F.normalize(small[:, 1:], dim=1)], dim=1)


def surface_losses(found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """The mean loss of depth (absolute) and of normals (1 - cosine), by name."""
    cosine = (found[:, 1:] * wanted[:, 1:]).sum(1)
    return {
        "depth": (found[:, :1] - wanted[:, :1]).abs().mean(),
        "normals": (1 - cosine).mean(),
    }
