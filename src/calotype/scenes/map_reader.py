"""MapReader: a small network that predicts the maps of a picture of the built-in world."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.scenes.blocks import Downsample, ResidualBlock, group_norm, resize
from calotype.scenes.maps import CHANNELS, Maps, maps_of

SIZE = 128  # pixels of each side of the input; other pictures are resized
WIDTHS = (32, 48, 64, 96)  # channels at 1/2, 1/4, 1/8 and 1/16 of that size


class MapReader(nn.Module):
    """Pictures (B, 3, 128, 128) in [-1, 1] -> logits (B, 12, 128, 128).

    ``calotype.scenes.maps`` describes the channels of the logits.

    A U-Net (Ronneberger et al. 2015) from half the resolution downwards; the head predicts four
    pixels at each place and rearranges them (pixel shuffle).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 5, stride=2, padding=2)
        self.first = ResidualBlock(WIDTHS[0])
        pairs = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(
            nn.Sequential(Downsample(fine, coarse), ResidualBlock(coarse)) for fine, coarse in pairs
        )
        self.up = nn.ModuleList(_Merge(fine, coarse) for fine, coarse in reversed(pairs))
        self.head = nn.Sequential(
            group_norm(WIDTHS[0]),
            nn.SiLU(),
            nn.Conv2d(WIDTHS[0], 4 * CHANNELS, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        features = [self.first(self.stem(pictures))]
        for stage in self.down:
            features.append(stage(features[-1]))
        x = features.pop()
        for merge in self.up:
            x = merge(features.pop(), x)
        return self.head(x)


class _Merge(nn.Module):
    """Add coarse features (B, C, H, W), upsampled, to fine ones (B, c, 2 H, 2 W)."""

    def __init__(self, fine: int, coarse: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, fine, 1)
        self.block = ResidualBlock(fine)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return self.block(fine + F.interpolate(self.narrow(coarse), scale_factor=2.0))


@torch.inference_mode()
def read_maps(network: MapReader, pictures: Tensor) -> Maps:
    """The predicted maps of pictures (B, 3, H, W) in [-1, 1], at the size of the pictures."""
    maps = maps_of(network(resize(pictures, SIZE)).float())
    return Maps(*(_sized(each, pictures) for each in (maps.objects, maps.semantic)))


def _sized(numbers: Tensor, pictures: Tensor) -> Tensor:
    """A map (B, 128, 128) resized to its pictures, (B, H, W), by nearest neighbour."""
    size = pictures.shape[-2:]
    return F.interpolate(numbers[:, None].float(), size, mode="nearest-exact")[:, 0].to(torch.int8)
