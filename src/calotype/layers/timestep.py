"""The embedding of a timestep: sinusoids, then two linear layers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sinusoids(t: Tensor, width: int, *, flip_sin_to_cos: bool, freq_shift: float) -> Tensor:
    """Sines and cosines of t: (B,) -> float32 (B, width), at frequencies from 1 down to 1/10000.

    flip_sin_to_cos: cosines first. freq_shift: 1 makes the last frequency exactly 1/10000.
    Computed in float32 whatever the network's type, as when the published weights were trained. An
    odd width ends in a zero. Vaswani et al. 2017, section 3.5; Ho et al. 2020, appendix B.
    """
    half = width // 2
    exponent = torch.arange(half, dtype=torch.float32, device=t.device) * -math.log(10000)
    angles = t.float()[:, None] * torch.exp(exponent / (half - freq_shift))
    parts = (angles.cos(), angles.sin()) if flip_sin_to_cos else (angles.sin(), angles.cos())
    return F.pad(torch.cat(parts, dim=-1), (0, width % 2))


class TimestepEmbedding(nn.Module):
    """Linear, SiLU, linear: (B, in_channels) -> (B, out_channels).

    guidance_channels: width of a guidance embedding (B, guidance_channels) that is projected and
        added to the input (``time_cond_proj_dim``; Meng et al. 2023).
    """

    def __init__(
        self, in_channels: int, out_channels: int, guidance_channels: int | None = None
    ) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(in_channels, out_channels)
        self.cond_proj = (
            None
            if guidance_channels is None
            else nn.Linear(guidance_channels, in_channels, bias=False)
        )
        self.linear_2 = nn.Linear(out_channels, out_channels)

    def forward(self, x: Tensor, guidance: Tensor | None = None) -> Tensor:
        if self.cond_proj is not None and guidance is not None:
            x = x + self.cond_proj(guidance)
        return self.linear_2(F.silu(self.linear_1(x)))
