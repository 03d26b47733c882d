"""Level: the residual blocks of encoder or decoder at one resolution, with their attention."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from calotype.autoencoder.middle import NORM_EPS, single_head_attention
from calotype.layers import ResnetBlock


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
