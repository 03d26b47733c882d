"""The encoder: a picture to the moments of its latent."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from calotype.autoencoder.config import AutoencoderConfig
from calotype.autoencoder.middle import NORM_EPS, MiddleBlock, attention_of_one_head
from calotype.layers import Downsample, GroupNormSiLU, ResnetBlock


class DownBlock(nn.Module):
    """One level down: ``layers`` residual blocks, each with an attention after it where there is
    one, then half the size unless it is the last.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        layers: int,
        groups: int,
        attention: bool,
        downsample: bool,
    ) -> None:
        super().__init__()
        widths = [in_channels] + [out_channels] * layers
        self.resnets = nn.ModuleList(
            ResnetBlock(before, after, groups=groups, eps=NORM_EPS)
            for before, after in pairwise(widths)
        )
        count = layers if attention else 0
        self.attentions = nn.ModuleList(
            attention_of_one_head(out_channels, groups) for _ in range(count)
        )
        self.downsamplers = nn.ModuleList([Downsample(out_channels, 0)] if downsample else [])

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.resnets):
            x = layer(x)
            if self.attentions:
                x = self.attentions[number](x)
        for layer in self.downsamplers:
            x = layer(x)
        return x


class Encoder(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] -> (B, config.encoded_channels, H / factor, W / factor)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths, groups = config.block_out_channels, config.norm_num_groups
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            DownBlock(
                widths[max(level - 1, 0)],
                width,
                layers=config.layers_per_block,
                groups=groups,
                attention=config.attention_down[level],
                downsample=level < len(widths) - 1,
            )
            for level, width in enumerate(widths)
        )
        self.mid_block = MiddleBlock(widths[-1], groups, config.mid_block_add_attention)
        self.conv_norm_out = GroupNormSiLU(groups, widths[-1], NORM_EPS)
        self.conv_out = nn.Conv2d(widths[-1], config.encoded_channels, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.conv_in(pictures)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(self.conv_norm_out(self.mid_block(x)))
