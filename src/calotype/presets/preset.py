"""Preset: a named configuration of a model or a part of one, with the source of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.diffusion import SchedulerConfig
from calotype.unet import UNetConfig


@dataclass(frozen=True)
class Preset:
    """A named configuration of a model, or of a part of one.

    source: the table or the release that its numbers are from.
    autoencoder, unet, text: the configs of its networks; None where it has none.
    scheduler: the noise that it was trained with; None where that is not known.
    first_stage: the preset whose autoencoder makes the UNet's latents; "" for its own.
    scaling_factor: of those latents, where it differs from that autoencoder's.
    tokens: how many the UNet reads where there is no text encoder.
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
        """All fields that are set, the configs as in published folders."""
        parts = {
            name: getattr(self, name).to_json()
            for name in ("autoencoder", "unet", "text", "scheduler")
            if getattr(self, name)
        }
        stage: dict[str, Any] = {"first_stage": self.first_stage} if self.first_stage else {}
        if self.scaling_factor is not None:
            stage["scaling_factor"] = self.scaling_factor
        return {"name": self.name, "source": self.source, "latent": self.latent, **stage, **parts}
