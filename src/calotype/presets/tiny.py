"""A complete model of under a million parameters, for tests and trial runs of a training."""

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.presets import scenes
from calotype.presets.preset import Preset
from calotype.unet import UNetConfig

AUTOENCODER = AutoencoderConfig(
    block_out_channels=(8, 16, 32), norm_num_groups=4, sample_size=32, mid_block_add_attention=False
)

UNET = UNetConfig(
    sample_size=8,
    block_out_channels=(32, 48),
    layers_per_block=1,
    down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    norm_num_groups=8,
    cross_attention_dim=32,
    attention_head_dim=(2, 3),
    use_linear_projection=True,
)

TEXT = CLIPTextConfig(
    vocab_size=768,
    hidden_size=32,
    intermediate_size=64,
    projection_dim=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=32,
)

# A UNet with the packaged model's text encoder, for latents or pixels of 16x16 to 32x32: after some
# minutes of training it draws the right grounds of scenes.
SMALL_UNET = UNetConfig(
    sample_size=16,
    in_channels=3,
    out_channels=3,
    block_out_channels=(64, 96),
    layers_per_block=1,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    norm_num_groups=16,
    cross_attention_dim=scenes.TEXT.hidden_size,
    attention_head_dim=(4, 6),
    use_linear_projection=True,
)

PRESETS = (
    Preset("tiny", "of our own", AUTOENCODER, UNET, TEXT),
    Preset(
        "small",
        "of our own",
        unet=SMALL_UNET,
        text=scenes.TEXT,
        first_stage="compression-f4",
    ),
)
