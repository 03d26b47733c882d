"""The conditional UNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.condition import Condition
from calotype.layers import GroupNormSiLU, PixelAttention, ResnetBlock, TimestepEmbedding, sinusoids
from calotype.unet.attention import SpatialTransformer
from calotype.unet.blocks import DownBlock, MiddleBlock, UpBlock
from calotype.unet.config import UNetConfig
from calotype.unet.plan import plan


@dataclass(frozen=True)
class Encoded:
    """What the first half of a UNet hands to the second, for B pictures.

    Between the halves a ControlNet adds its residuals, and a cache of features keeps or replaces
    tensors.

    skips: (B, C_i, h_i, w_i) for the channels C_i of ``plan.skips``, in order; ``decode`` takes
        them from the end.
    middle: (B, C, h, w), the output of the middle block.
    emb: (B, time_channels), time, guidance and class after SiLU.
    context: (B, N, D) tokens that cross-attention reads; None in a network that reads none.
    """

    skips: tuple[Tensor, ...]
    middle: Tensor
    emb: Tensor
    context: Tensor | None

    def add(self, residuals: Sequence[Tensor]) -> Encoded:
        """The record with a residual added to each skip and, the last one, to the middle."""
        *of_skips, of_middle = residuals
        skips = (skip + more for skip, more in zip(self.skips, of_skips, strict=True))
        return replace(self, skips=tuple(skips), middle=self.middle + of_middle)


class UNet(nn.Module):
    """A noisy latent at time t, under a condition -> the quantity that the prediction type names.

    Rombach et al. 2022, sections 3.2 and 3.3; the network of Stable Diffusion 1 and 2. A new
    network returns zero for every input: the last layer of every residual block, transformer and
    the output convolution is initialised to zero.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.plan = plan(config)
        first, time_channels = self.plan.in_channels, self.plan.time_channels
        self.conv_in = nn.Conv2d(config.in_channels, first, 3, padding=1)
        self.time_embedding = TimestepEmbedding(first, time_channels, config.time_cond_proj_dim)
        self.class_embedding = _class_embedding(config, first, time_channels)
        self.down_blocks = nn.ModuleList(
            DownBlock(spec, config, time_channels) for spec in self.plan.down
        )
        self.mid_block = (
            MiddleBlock(self.plan.middle, config, time_channels) if self.plan.middle else None
        )
        self.up_blocks = nn.ModuleList(
            UpBlock(spec, config, time_channels) for spec in self.plan.up
        )
        self.conv_norm_out = GroupNormSiLU(config.norm_num_groups, first, config.norm_eps)
        self.conv_out = nn.Conv2d(first, config.out_channels, 3, padding=1)
        self._start_at_zero()

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """x (B, C, h, w) of any size, t (B,) integers or floats -> (B, out_channels, h, w).

        ``encode``, then the condition's residuals where there are any, then ``decode``.
        """
        if condition.residuals is None:
            return self.decode(self.encode(x, t, condition))
        return self.decode(self.encode(x, t, condition).add(condition.residuals))

    def encode(self, x: Tensor, t: Tensor, condition: Condition) -> Encoded:
        """The down blocks and the middle, without the condition's residuals; as ``forward``."""
        emb, context = self._embedding(x, t, condition), condition.context
        x = self.conv_in(x if condition.concat is None else torch.cat([x, condition.concat], 1))
        skips = [x]
        for down in self.down_blocks:
            skips += down(skips[-1], emb, context)
        x = skips[-1]
        if self.mid_block is not None:
            x = self.mid_block(x, emb, context)
        return Encoded(tuple(skips), x, emb, context)

    def decode(self, encoded: Encoded) -> Tensor:
        """The up blocks and the output convolution: (B, out_channels, h, w)."""
        x, skips = encoded.middle, [*encoded.skips]
        emb, context = encoded.emb, encoded.context
        del encoded  # unless the caller keeps it, each skip is freed once it has been used
        for up in self.up_blocks:
            x = up(x, skips, emb, context)
        return self.conv_out(self.conv_norm_out(x))

    def _embedding(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Time, guidance and class as one vector (B, time_channels), after the SiLU that all blocks
        apply to it.
        """
        emb = self.time_embedding(self._sinusoids(t, x), condition.guidance)
        if self.class_embedding is not None:
            vector = condition.vector
            assert vector is not None, "this network has classes: Condition.vector is missing"
            if self.config.class_embed_type == "timestep":
                vector = self._sinusoids(vector, x)
            emb = emb + self.class_embedding(vector)
        return F.silu(emb)

    def _sinusoids(self, t: Tensor, x: Tensor) -> Tensor:
        config = self.config
        waves = sinusoids(
            t,
            self.plan.in_channels,
            flip_sin_to_cos=config.flip_sin_to_cos,
            freq_shift=config.freq_shift,
        )
        return waves.to(x.dtype)

    def _start_at_zero(self) -> None:
        # As in the original: every residual branch starts at zero, which stabilises early training.
        ends: list[nn.Module] = [self.conv_out]
        for module in self.modules():
            if isinstance(module, ResnetBlock):
                ends.append(module.conv2)
            elif isinstance(module, SpatialTransformer):
                ends.append(module.proj_out)
            elif isinstance(module, PixelAttention):
                ends.append(module.to_out[0])
        for end in ends:
            for parameter in end.parameters():
                nn.init.zeros_(parameter)


def _class_embedding(config: UNetConfig, first: int, time_channels: int) -> nn.Module | None:
    if config.class_embed_type == "timestep":
        return TimestepEmbedding(first, time_channels)
    if config.class_embed_type == "projection":
        assert config.projection_class_embeddings_input_dim is not None
        return TimestepEmbedding(config.projection_class_embeddings_input_dim, time_channels)
    if config.num_class_embeds is not None:
        return nn.Embedding(config.num_class_embeds, time_channels)
    return None
