"""Stable Diffusion 2.0 and 2.1: v-prediction at 768x768, and the base models at 512x512."""

from dataclasses import replace

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.unet import UNetConfig

UNET = UNetConfig(
    sample_size=96,
    cross_attention_dim=1024,
    attention_head_dim=(5, 10, 20, 20),
    use_linear_projection=True,
    upcast_attention=True,
)

BASE_UNET = replace(UNET, sample_size=64, upcast_attention=False)

AUTOENCODER = AutoencoderConfig(
    block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=768
)

# OpenCLIP ViT-H/14 without its last layer: the diffusion reads the one before it, normed.
TEXT = CLIPTextConfig(
    hidden_size=1024,
    intermediate_size=4096,
    projection_dim=512,
    num_hidden_layers=23,
    num_attention_heads=16,
    hidden_act="gelu",
    bos_token_id=0,
    eos_token_id=2,
    pad_token_id=1,
)

# Latent (4), mask (1), latent of the masked picture (4).
INPAINTING_UNET = replace(BASE_UNET, in_channels=9)

# Latent (4), depth (1).
DEPTH_UNET = replace(BASE_UNET, in_channels=5)

# The x4 upscaler, for 512x512 pictures: the latent (4) beside the small picture itself (3), whose
# own noise level is its class.
UPSCALER_UNET = UNetConfig(
    sample_size=128,
    in_channels=7,
    block_out_channels=(256, 512, 512, 1024),
    down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 3,
    up_block_types=("CrossAttnUpBlock2D",) * 3 + ("UpBlock2D",),
    only_cross_attention=(True, True, True, False),
    cross_attention_dim=1024,
    attention_head_dim=8,
    use_linear_projection=True,
    num_class_embeds=1000,
)
UPSCALER_AUTOENCODER = AutoencoderConfig(
    block_out_channels=(128, 256, 512),
    layers_per_block=2,
    sample_size=256,
    scaling_factor=0.08333,
)
