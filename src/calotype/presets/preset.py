"""Preset: a named configuration, with where its numbers are from and what is its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.diffusion import SchedulerConfig
from calotype.unet import UNetConfig


@dataclass(frozen=True)
class Preset:
    """A model, or a part of one, by name.

    source: the table or the release that its numbers are from.
    autoencoder, unet, text: its networks; None for what it has not.
    scheduler: the noise that it was trained with, where that is known.
    first_stage: the preset whose autoencoder makes the UNet's latents, where it is not its own.
    scaling_factor: of those latents, where it is not that autoencoder's.
    tokens: how many the UNet reads where no text encoder of its own makes them.
    """

    name: str
    source: str
    autoencoder: AutoencoderConfig | None = None
    unet: UNetConfig | None = None
    text: CLIPTextConfig | None = None
    scheduler: SchedulerConfig | None = None
    first_stage: str = ""
    scaling_factor: float | None = None
    tokens: int = 0

    @property
    def latent(self) -> tuple[int, int, int]:
        """The shape (C, h, w) of the latents that it was made for."""
        if self.unet:
            assert isinstance(self.unet.sample_size, int)
            return (self.unet.out_channels, self.unet.sample_size, self.unet.sample_size)
        assert self.autoencoder
        own = self.autoencoder
        return (own.diffused_channels, own.sample_size // own.factor, own.sample_size // own.factor)

    def to_json(self) -> dict[str, Any]:
        """All that it says, its configs as the published folders write them."""
        parts = {
            name: getattr(self, name).to_json()
            for name in ("autoencoder", "unet", "text", "scheduler")
            if getattr(self, name)
        }
        stage: dict[str, Any] = {"first_stage": self.first_stage} if self.first_stage else {}
        if self.scaling_factor is not None:
            stage["scaling_factor"] = self.scaling_factor
        return {"name": self.name, "source": self.source, "latent": self.latent, **stage, **parts}
