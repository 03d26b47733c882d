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
