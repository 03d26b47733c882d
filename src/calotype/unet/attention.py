"""The spatial transformer: positions of a feature map attend to each other, then to a context."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.layers import Attention
from calotype.unet.plan import AttentionSpec

# The group norm before a transformer has this epsilon, not the config's norm_eps.
NORM_EPS = 1e-6


class GEGLU(nn.Module):
    """x W * gelu(x V): (..., D) -> (..., inner). Shazeer 2020, GLU Variants Improve Transformer."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        hidden, gate = self.proj(x).chunk(2, dim=-1)
        gate = F.gelu(gate)
        return hidden * gate if torch.is_grad_enabled() else gate.mul_(hidden)


class FeedForward(nn.Module):
    """GEGLU to four times the width, then a linear layer back: (..., D) -> (..., D)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # The published names are ``net.0`` and ``net.2``; ``net.1`` was a dropout.
        self.net = nn.ModuleDict(
            {"0": GEGLU(channels, 4 * channels), "2": nn.Linear(4 * channels, channels)}
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net["2"](self.net["0"](x))


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention and feed-forward, each normed before and added after:
    (B, N, C), context (B, M, D) -> (B, N, C).
    """

    def __init__(self, spec: AttentionSpec) -> None:
        super().__init__()
        self.only_cross = spec.only_cross
        width, context_width = spec.channels, spec.context_channels
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(
            width, spec.heads, context_channels=context_width if spec.only_cross else None
        )
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, spec.heads, context_channels=context_width)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = self.attn1(self.norm1(x), context if self.only_cross else None).add_(x)
        x = self.attn2(self.norm2(x), context).add_(x)
        return self.ff(self.norm3(x)).add_(x)


class SpatialTransformer(nn.Module):
    """Transformer blocks over the h * w positions of a feature map, added to it:
    (B, C, h, w), context (B, N, D) -> (B, C, h, w).

    linear: whether the projections around the blocks are linear layers (SD 2) or 1x1 convolutions
        (SD 1): the same computation, stored in different shapes.
    """

    def __init__(self, spec: AttentionSpec, *, groups: int, linear: bool) -> None:
        super().__init__()
        self.linear = linear
        width = spec.channels
        self.norm = nn.GroupNorm(groups, width, NORM_EPS)
        self.proj_in = nn.Linear(width, width) if linear else nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList(TransformerBlock(spec) for _ in range(spec.layers))
        self.proj_out = nn.Linear(width, width) if linear else nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        assert context is not None, "this network reads a context: Condition.context is missing"
        h, size = self.norm(x), x.shape[-2:]
        h = self.proj_in(_tokens(h)) if self.linear else _tokens(self.proj_in(h))
        for block in self.transformer_blocks:
            h = block(h, context)
        h = (
            _feature_map(self.proj_out(h), size)
            if self.linear
            else self.proj_out(_feature_map(h, size))
        )
        return x + h


def _tokens(x: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h * w, C)."""
    return x.flatten(2).transpose(1, 2).contiguous()


def _feature_map(tokens: Tensor, size: torch.Size) -> Tensor:
    """(B, h * w, C) -> (B, C, h, w), a view."""
    return tokens.transpose(1, 2).unflatten(-1, size)
