"""LatentDiffusion: autoencoder, conditioner, UNet and schedule, wired in this one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from calotype.autoencoder import FirstStage
from calotype.conditioning import Conditioner, TextEmbedder
from calotype.diffusion import Denoiser, SchedulerConfig
from calotype.errors import UserError
from calotype.unet import UNet


@dataclass(eq=False)
class LatentDiffusion:
    """A latent diffusion model (Rombach et al. 2022).

    Latents come from ``encode`` and go to ``decode`` scaled, about one in size, as the UNet was
    trained on them; the autoencoder's own are raw: scaled = (raw - shift_factor) * scaling_factor.

    scheduler: the noise that the UNet was trained with.
    low_res_scheduler, max_noise_level: of an upscaler, the noise that is added to its small input
        picture, and the highest timestep at which it is added; None for other models.
    name: what the model is called in messages and in the pictures' metadata.
    files: those that hold the weights of UNet and text encoder; vae_files: of the autoencoder. None
        for networks that were never in a file.
    averaged: whether the UNet is the running average that a training's file holds beside it.
    """

    unet: UNet
    autoencoder: FirstStage
    conditioner: Conditioner
    scheduler: SchedulerConfig
    name: str = ""
    files: tuple[Path, ...] = ()
    vae_files: tuple[Path, ...] = ()
    averaged: bool = False
    low_res_scheduler: SchedulerConfig | None = None
    max_noise_level: int | None = None

    @property
    def factor(self) -> int:
        """How many pixels a latent is wide; the sides of a picture are multiples of it."""
        return self.autoencoder.config.factor

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.unet.conv_in.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What the UNet computes in."""
        return self.unet.conv_in.weight.dtype

    @property
    def text(self) -> TextEmbedder:
        """The embedder that reads prompts; UserError in a model without words."""
        found = self.conditioner.text
        if found is None:
            raise UserError(f'model "{self.name}" has no text encoder: it takes no prompt')
        return found

    @property
    def routes(self) -> set[str]:
        """The fields of Condition that the UNet needs."""
        needed: set[str] = set()
        if self.unet.config.reads_context:
            needed.add("context")
        if self.unet.class_embedding is not None:
            needed.add("vector")
        if self.unet.config.in_channels > self.autoencoder.config.diffused_channels:
            needed.add("concat")
        return needed

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> LatentDiffusion:
        """Move the networks, in place; returns the model.

        An autoencoder whose config says ``force_upcast`` stays in float32 when the rest becomes
        float16, which its activations overflow.
        """
        upcast = dtype == torch.float16 and self.autoencoder.config.force_upcast
        self.unet.to(device, dtype)
        self.conditioner.to(device, dtype)
        self.autoencoder.to(device, torch.float32 if upcast else dtype)
        return self

    def encode(self, pictures: Tensor, noise: Tensor | None = None) -> Tensor:
        """Scaled latents (B, C, H / factor, W / factor) of pictures (B, C, H, W) in [-1, 1].

        The mean of the autoencoder's posterior, or a sample of it by standard normal ``noise`` of
        the latents' shape.
        """
        posterior = self.autoencoder.encode(pictures.to(self._picture_weight))
        return self.scale(
            posterior.mean if noise is None else posterior.sample(noise.to(posterior.mean))
        )

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] of scaled latents.

        One after the other: a decoder's largest tensors are hundreds of times a latent's size.
        """
        raw = self.unscale(latents.to(self._picture_weight))
        return torch.cat([self.autoencoder.decode(one) for one in raw.split(1)]).clamp(-1, 1)

    def scale(self, raw: Tensor) -> Tensor:
        """Raw latents of the autoencoder -> scaled latents, which the diffusion sees."""
        config = self.autoencoder.config
        return (raw - (config.shift_factor or 0.0)) * config.scaling_factor

    def unscale(self, latents: Tensor) -> Tensor:
        """The inverse of ``scale``."""
        config = self.autoencoder.config
        return latents / config.scaling_factor + (config.shift_factor or 0.0)

    def denoiser(self) -> Denoiser:
        """The UNet, with its schedule and the meaning of its output, as samplers take it."""
        scheduler = self.scheduler
        return Denoiser(self.unet, scheduler.schedule, scheduler.prediction_type, self.dtype)

    @property
    def _picture_weight(self) -> Tensor:
        """A weight whose device and type are the autoencoder's; the UNet's where it has none."""
        return next(self.autoencoder.parameters(), self.unet.conv_in.weight)
