"""The middle of encoder and decoder: two residual blocks around an attention over all places."""

from __future__ import annotations

from torch import Tensor, nn

from calotype.layers import Attention, ResnetBlock

NORM_EPS = 1e-6  # of every norm in the published autoencoders


class PixelAttention(Attention):
    """Self-attention of one head over all places of a feature map, with its norm and its sum."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__(channels, heads=1, qkv_bias=True)
        self.group_norm = nn.GroupNorm(groups, channels, NORM_EPS)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        assert context is None
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        return x + super().forward(tokens).transpose(1, 2).unflatten(-1, x.shape[-2:])


class MiddleBlock(nn.Module):
    """(B, C, h, w) -> (B, C, h, w) at the smallest size; the attention can be left out."""

    def __init__(self, channels: int, groups: int, attention: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            ResnetBlock(channels, channels, groups=groups, eps=NORM_EPS) for _ in range(2)
        )
        self.attentions = nn.ModuleList([PixelAttention(channels, groups)] if attention else [])

    def forward(self, x: Tensor) -> Tensor:
        x = self.resnets[0](x)
        for attention in self.attentions:
            x = attention(x)
        return self.resnets[1](x)
