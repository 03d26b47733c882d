"""The blocks that encoder and decoder are built of: a level of one resolution, and the middle."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from calotype.layers import PixelAttention, ResnetBlock

NORM_EPS = 1e-6  # of every norm in the published autoencoders


def single_head_attention(channels: int, groups: int) -> PixelAttention:
    """The attention of the published autoencoders, which has one head."""
    return PixelAttention(channels, 1, groups=groups, eps=NORM_EPS)


class Level(nn.Module):
    """``layers`` residual blocks, each followed by attention where ``attention`` is set:
    (B, in_channels, h, w) -> (B, out_channels, h, w).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, layers: int, groups: int, attention: bool
    ) -> None:
        super().__init__()
        widths = [in_channels] + [out_channels] * layers
        self.resnets = nn.ModuleList(
            ResnetBlock(before, after, groups=groups, eps=NORM_EPS)
            for before, after in pairwise(widths)
        )
        count = layers if attention else 0
        self.attentions = nn.ModuleList(
            single_head_attention(out_channels, groups) for _ in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.resnets):
            x = layer(x)
            if self.attentions:
                x = self.attentions[number](x)
        return x


class MiddleBlock(nn.Module):
    """The block at the lowest resolution: (B, C, h, w) -> (B, C, h, w)."""

    def __init__(self, channels: int, groups: int, attention: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            ResnetBlock(channels, channels, groups=groups, eps=NORM_EPS) for _ in range(2)
        )
        self.attentions = nn.ModuleList(
            [single_head_attention(channels, groups)] if attention else []
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.resnets[0](x)
        for attention in self.attentions:
            x = attention(x)
        return self.resnets[1](x)
