"""Stable Diffusion 2.0 and 2.1: v-prediction at 768x768, and the base models at 512x512."""

from dataclasses import replace

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.diffusion import SchedulerConfig
from calotype.presets.preset import Preset
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

# OpenCLIP ViT-H/14 without its last layer: the UNet reads the normed output of the one before.
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

# The x4 upscaler, for 512x512 pictures: the latent (4) and the small picture itself (3), whose
# noise level is the class.
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

# Variations of a picture: the class embedding is of its CLIP embedding and of the noise on that.
UNCLIP_H_UNET = replace(
    UNET, class_embed_type="projection", projection_class_embeddings_input_dim=2 * 1024
)
UNCLIP_L_UNET = replace(UNCLIP_H_UNET, projection_class_embeddings_input_dim=2 * 768)

SCHEDULER = SchedulerConfig()
V_SCHEDULER = replace(SCHEDULER, prediction_type="v_prediction")
UPSCALER_SCHEDULER = replace(V_SCHEDULER, beta_start=0.0001, beta_end=0.02)
# Of the small picture's noise: its levels, and the highest of them (low_scale_config of the
# published x4-upscaling.yaml).
UPSCALER_LOW_RES_SCHEDULER = replace(
    SCHEDULER, beta_start=0.0001, beta_end=0.02, class_name="DDPMScheduler"
)
UPSCALER_MAX_NOISE_LEVEL = 350


def _preset(name: str, source: str, unet: UNetConfig, scheduler: SchedulerConfig) -> Preset:
    stage = UPSCALER_AUTOENCODER if unet is UPSCALER_UNET else AUTOENCODER
    return Preset(name, f"Stable Diffusion {source}", stage, unet, TEXT, scheduler)


PRESETS = (
    _preset("sd2", "2.0 and 2.1, 768 v", UNET, V_SCHEDULER),
    _preset("sd2-base", "2.0 and 2.1 base", BASE_UNET, SCHEDULER),
    _preset("sd2-inpainting", "2 inpainting", INPAINTING_UNET, SCHEDULER),
    _preset("sd2-depth", "2 depth", DEPTH_UNET, SCHEDULER),
    _preset("sd2-unclip-h", "2.1 unCLIP, ViT-H", UNCLIP_H_UNET, V_SCHEDULER),
    _preset("sd2-unclip-l", "2.1 unCLIP, ViT-L", UNCLIP_L_UNET, V_SCHEDULER),
    _preset("sd-x4-upscaler", "x4 upscaler", UPSCALER_UNET, UPSCALER_SCHEDULER),
)
