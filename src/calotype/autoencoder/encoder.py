"""The encoder of an autoencoder: picture -> the moments of its latent."""

from __future__ import annotations

from torch import Tensor, nn

from calotype.autoencoder.blocks import NORM_EPS, Level, MiddleBlock
from calotype.autoencoder.config import AutoencoderConfig
from calotype.errors import UserError
from calotype.layers import Downsample, GroupNormSiLU


class DownBlock(Level):
    """A level, then downsampling unless it is the last: (B, C_in, h, w) -> (B, C_out, h/2, w/2)."""

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
        super().__init__(
            in_channels, out_channels, layers=layers, groups=groups, attention=attention
        )
        self.downsamplers = nn.ModuleList([Downsample(out_channels, 0)] if downsample else [])

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        for layer in self.downsamplers:
            x = layer(x)
        return x


class Encoder(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] -> (B, config.encoded_channels, H / factor, W / factor)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths, groups = config.block_out_channels, config.norm_num_groups
        self.factor = config.factor
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
        height, width = pictures.shape[-2:]
        if height % self.factor or width % self.factor:
            raise UserError(
                f"pictures of {width}x{height}: sides must be multiples of {self.factor}, the "
                "autoencoder's factor; crop or pad them"
            )
        x = self.conv_in(pictures)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(self.conv_norm_out(self.mid_block(x)))
