"""Lpips: the learned perceptual distance of two pictures, by weighted features of VGG16."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""VGG16: the number of convolutions between two poolings, and their channels."""

# Mean and deviation of ImageNet's colours, as they are published for pictures in [-1, 1].
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPSILON = 1e-10


class Lpips(nn.Module):
    """The distance of two batches of pictures (B, 3, H, W) in [-1, 1]: (B,).

    H and W are at least 16; one channel is broadcast to three. At each position the features after
    relu1_2, 2_2, 3_3, 4_3 and 5_3 are scaled to unit length; their squared differences are weighted
    by channel, averaged over positions and added over layers (Zhang et al. 2018, equation 1). Under
    autocast only the convolutions are in half precision.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.taps: list[int] = []
        narrow = 3
        for count, wide in BLOCKS:
            layers += [nn.MaxPool2d(2)] if layers else []
            for _ in range(count):
                layers += [nn.Conv2d(narrow, wide, 3, padding=1), nn.ReLU(inplace=True)]
                narrow = wide
            self.taps.append(len(layers) - 1)
        self.features = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Conv2d(wide, 1, 1, bias=False) for _, wide in BLOCKS)

    def forward(self, found: Tensor, wanted: Tensor) -> Tensor:
        layers = zip(self._units(found), self._units(wanted), self.heads.parameters(), strict=True)
        return torch.stack(
            [((a - b).square() * head[0]).sum(1).mean((1, 2)) for a, b, head in layers]
        ).sum(0)

    def _units(self, pictures: Tensor) -> Iterator[Tensor]:
        """The features at each tap, of unit length over the channels, in the weights' precision."""
        dtype = next(self.heads.parameters()).dtype
        shift, scale = (
            torch.tensor(each, dtype=dtype, device=pictures.device)[:, None, None]
            for each in (SHIFT, SCALE)
        )
        x = (pictures.to(dtype) - shift) / scale
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                features = x.to(dtype)
                # Where all channels are 0, this norm's gradient is 0; a square root's is NaN.
                norm = torch.linalg.vector_norm(features, dim=1, keepdim=True)
                yield features / (norm + EPSILON)
