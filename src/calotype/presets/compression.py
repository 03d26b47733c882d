"""Networks for pictures of 64x64 at compression factors 1 to 8, their UNets of one size.

As in Rombach et al. 2022, section 4.1: the larger the latents, the more levels a UNet has, with
widths that give all of them the same number of parameters (8.0 to 8.2 million). The text encoder is
that of the packaged model.
"""

from calotype.autoencoder import AutoencoderConfig, VQConfig
from calotype.presets import scenes
from calotype.presets.preset import Preset
from calotype.unet import UNetConfig

_SIDE = 64


def _first_stage(widths: tuple[int, ...], latent_channels: int) -> AutoencoderConfig:
    return AutoencoderConfig(
        block_out_channels=widths,
        latent_channels=latent_channels,
        norm_num_groups=8,
        sample_size=_SIDE,
        mid_block_add_attention=False,
    )


AUTOENCODERS = {
    2: _first_stage((16, 32), 2),
    4: _first_stage((16, 32, 64), 3),
    8: _first_stage((16, 32, 64, 128), 4),
}

# As f = 4, with a codebook.
VQ = VQConfig(
    block_out_channels=(16, 32, 64),
    norm_num_groups=8,
    sample_size=_SIDE,
    mid_block_add_attention=False,
    num_vq_embeddings=512,
    scaling_factor=1.0,
)


def _unet(factor: int, channels: int, widths: tuple[int, ...]) -> UNetConfig:
    """The UNet for latents of this factor, with cross-attention at 16x16 and below."""
    sides = [_SIDE // factor >> level for level in range(len(widths))]
    down = tuple("CrossAttnDownBlock2D" if side <= 16 else "DownBlock2D" for side in sides)
    up = tuple("CrossAttnUpBlock2D" if side <= 16 else "UpBlock2D" for side in reversed(sides))
    return UNetConfig(
        sample_size=sides[0],
        in_channels=channels,
        out_channels=channels,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=down,
        up_block_types=up,
        norm_num_groups=16,
        cross_attention_dim=192,
        attention_head_dim=tuple(width // 16 for width in widths),
        use_linear_projection=True,
    )


UNETS = {
    1: _unet(1, 3, (64, 64, 96, 160)),
    2: _unet(2, 2, (64, 112, 160)),
    4: _unet(4, 3, (112, 160)),
    8: _unet(8, 4, (112, 160)),
}

PRESETS = tuple(
    Preset(f"compression-{name}", "of our own", autoencoder, UNETS[factor], scenes.TEXT)
    for name, factor, autoencoder in (
        ("f1", 1, None),
        *((f"f{factor}", factor, config) for factor, config in AUTOENCODERS.items()),
        ("vq", 4, VQ),
    )
)
