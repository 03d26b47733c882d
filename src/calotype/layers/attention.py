"""Attention: the function that all networks share, and its modules with the published names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, causal: bool = False) -> Tensor:
    """Multi-head scaled dot-product attention: (B, N, D), (B, M, D), (B, M, D) -> (B, N, D).

    causal: each token attends only to itself and those before it. Every kernel of torch's function
    computes the scores and their softmax in float32, also for half-precision inputs (what
    ``upcast_attention`` of the published configs asks for). Vaswani et al. 2017, section 3.2.
    """
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (query, key, value))
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and torch.is_grad_enabled():
        # The backward pass of the CPU's bfloat16 kernel takes twice the time of the float32 one.
        with torch.autocast("cpu", enabled=False):
            mixed = F.scaled_dot_product_attention(
                q.float(), k.float(), v.float(), is_causal=causal
            ).to(query.dtype)
    else:
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return mixed.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Attention of tokens (B, N, channels) to ``context`` (B, M, context_channels).

    Without a context the tokens attend to each other. ``channels`` must be a multiple of ``heads``.
    qkv_bias: whether queries, keys and values have a bias; the output projection always has one.
    Returns (B, N, channels).
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        *,
        context_channels: int | None = None,
        qkv_bias: bool = False,
    ) -> None:
        super().__init__()
        self.heads = heads
        source = channels if context_channels is None else context_channels
        self.to_q = nn.Linear(channels, channels, bias=qkv_bias)
        self.to_k = nn.Linear(source, channels, bias=qkv_bias)
        self.to_v = nn.Linear(source, channels, bias=qkv_bias)
        # A list of one: the published name is ``to_out.0`` (``to_out.1`` was a dropout).
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        source = x if context is None else context
        mixed = attend(self.to_q(x), self.to_k(source), self.to_v(source), self.heads)
        return self.to_out[0](mixed)


class PixelAttention(Attention):
    """Self-attention over all positions of a feature map, normed before and added after:
    (B, C, h, w) -> (B, C, h, w).
    """

    def __init__(self, channels: int, heads: int, *, groups: int, eps: float) -> None:
        super().__init__(channels, heads, qkv_bias=True)
        self.group_norm = nn.GroupNorm(groups, channels, eps)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        assert context is None, "this attention reads no context"
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        return x + super().forward(tokens).transpose(1, 2).unflatten(-1, x.shape[-2:])
