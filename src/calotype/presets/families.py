"""The families of published models: the configs of files that have no config beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.diffusion import SchedulerConfig
from calotype.presets import sd1, sd2
from calotype.unet import UNetConfig


@dataclass(frozen=True)
class Family:
    """Published models with networks of the same configs.

    scheduler: with the prediction type of most of them.
    pad_token: the token that short prompts are filled up with.
    unet_of_v: the UNet's config in those that predict v instead; None where none does.
    low_res_scheduler, max_noise_level: of an upscaler, the noise on its small input picture, and
        the highest timestep at which it is added.
    """

    name: str
    unet: UNetConfig
    autoencoder: AutoencoderConfig
    text: CLIPTextConfig
    scheduler: SchedulerConfig
    pad_token: str
    unet_of_v: UNetConfig | None = None
    low_res_scheduler: SchedulerConfig | None = None
    max_noise_level: int | None = None


_END, _BANG = "<|endoftext|>", "!"

FAMILIES = (
    Family("Stable Diffusion 1", sd1.UNET, sd1.AUTOENCODER, sd1.TEXT, sd1.SCHEDULER, _END),
    Family(
        "Stable Diffusion 1 inpainting",
        sd1.INPAINTING_UNET,
        sd1.AUTOENCODER,
        sd1.TEXT,
        sd1.SCHEDULER,
        _END,
    ),
    Family(
        "Stable Diffusion 2",
        sd2.BASE_UNET,
        sd2.AUTOENCODER,
        sd2.TEXT,
        sd2.SCHEDULER,
        _BANG,
        unet_of_v=sd2.UNET,
    ),
    Family(
        "Stable Diffusion 2 inpainting",
        sd2.INPAINTING_UNET,
        sd2.AUTOENCODER,
        sd2.TEXT,
        sd2.SCHEDULER,
        _BANG,
    ),
    Family(
        "Stable Diffusion 2 depth", sd2.DEPTH_UNET, sd2.AUTOENCODER, sd2.TEXT, sd2.SCHEDULER, _BANG
    ),
    Family(
        "Stable Diffusion x4 upscaler",
        sd2.UPSCALER_UNET,
        sd2.UPSCALER_AUTOENCODER,
        sd2.TEXT,
        sd2.UPSCALER_SCHEDULER,
        _BANG,
        low_res_scheduler=sd2.UPSCALER_LOW_RES_SCHEDULER,
        max_noise_level=sd2.UPSCALER_MAX_NOISE_LEVEL,
    ),
)


def family_of(unet: UNetConfig) -> str:
    """The name of the family of a UNet; its training size and upcasts are no part of that."""

    def bare(config: UNetConfig) -> UNetConfig:
        return replace(config, sample_size=None, upcast_attention=False)

    names = (family.name for family in FAMILIES if bare(family.unet) == bare(unet))
    return next(names, "of its own form")
