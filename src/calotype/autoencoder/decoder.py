"""The decoder of an autoencoder: latent -> picture."""

from __future__ import annotations

from torch import Tensor, nn

from calotype.autoencoder.blocks import NORM_EPS, Level, MiddleBlock
from calotype.autoencoder.config import AutoencoderConfig
from calotype.layers import GroupNormSiLU, Upsample


class UpBlock(Level):
    """A level, then upsampling unless it is the last: (B, C_in, h, w) -> (B, C_out, 2h, 2w)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        layers: int,
        groups: int,
        attention: bool,
        upsample: bool,
    ) -> None:
        super().__init__(
            in_channels, out_channels, layers=layers, groups=groups, attention=attention
        )
        self.upsamplers = nn.ModuleList([Upsample(out_channels)] if upsample else [])

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        for layer in self.upsamplers:
            x = layer(x)
        return x


class Decoder(nn.Module):
    """Latents (B, latent_channels, h, w) -> pictures (B, 3, h * factor, w * factor)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths, groups = config.block_out_channels[::-1], config.norm_num_groups
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid_block = MiddleBlock(widths[0], groups, config.mid_block_add_attention)
        self.up_blocks = nn.ModuleList(
            UpBlock(
                widths[max(level - 1, 0)],
                width,
                layers=config.layers_per_block + 1,
                groups=groups,
                attention=config.attention_up[level],
                upsample=level < len(widths) - 1,
            )
            for level, width in enumerate(widths)
        )
        self.conv_norm_out = GroupNormSiLU(groups, widths[-1], NORM_EPS)
        self.conv_out = nn.Conv2d(widths[-1], config.out_channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(latents))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(self.conv_norm_out(x))
