"""Stable Diffusion 1.1 to 1.5, and the inpainting model made from it (Rombach 2022)."""

from dataclasses import replace

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.diffusion import SchedulerConfig
from calotype.presets.preset import Preset
from calotype.unet import UNetConfig

UNET = UNetConfig(sample_size=64, cross_attention_dim=768)

# Latent (4), mask (1), latent of the masked picture (4).
INPAINTING_UNET = replace(UNET, in_channels=9)

AUTOENCODER = AutoencoderConfig(
    block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512
)

# CLIP ViT-L/14. The ids are those of the published config.json; the tokenizer's are the right ones.
TEXT = CLIPTextConfig(
    hidden_size=768,
    intermediate_size=3072,
    projection_dim=768,
    num_hidden_layers=12,
    num_attention_heads=12,
    hidden_act="quick_gelu",
    bos_token_id=0,
    eos_token_id=2,
    pad_token_id=1,
)

# Without skip_prk_steps, diffusers begins with Runge-Kutta steps.
SCHEDULER = SchedulerConfig(class_name="PNDMScheduler", extra={"skip_prk_steps": True})

PRESETS = (
    Preset("sd1", "Stable Diffusion 1.1 to 1.5", AUTOENCODER, UNET, TEXT, SCHEDULER),
    Preset(
        "sd1-inpainting",
        "Stable Diffusion 1.5 inpainting",
        AUTOENCODER,
        INPAINTING_UNET,
        TEXT,
        SCHEDULER,
    ),
)
