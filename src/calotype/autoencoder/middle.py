"""The middle of encoder and decoder: two residual blocks around self-attention."""

from __future__ import annotations

from torch import Tensor, nn

from calotype.layers import PixelAttention, ResnetBlock

NORM_EPS = 1e-6  # of every norm in the published autoencoders


def single_head_attention(channels: int, groups: int) -> PixelAttention:
    """The attention of the published autoencoders, which has one head."""
    return PixelAttention(channels, 1, groups=groups, eps=NORM_EPS)


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
