"""Pixels: the identity in the place of an autoencoder, for diffusion in pixel space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from calotype.autoencoder.bottleneck import Posterior
from calotype.published_config import read_fields


@dataclass(frozen=True)
class PixelsConfig:
    """The fields of the config.json of ``Pixels``, and the constants that every first stage has."""

    in_channels: int = 3
    sample_size: int = 32
    scaling_factor: float = 1.0
    shift_factor: float | None = None

    factor: ClassVar[int] = 1
    force_upcast: ClassVar[bool] = False

    @property
    def out_channels(self) -> int:
        """The pictures' channels."""
        return self.in_channels

    @property
    def diffused_channels(self) -> int:
        """The pictures' channels."""
        return self.in_channels

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> PixelsConfig:
        """The record of a config.json; raises UserError for what is not supported."""
        return PixelsConfig(**read_fields(PixelsConfig, values, {}))

    def to_json(self) -> dict[str, Any]:
        """The config.json of ours, which no other program reads."""
        return {"_class_name": "Pixels", **asdict(self)}


class Pixels(nn.Module):
    """Pictures (B, C, H, W) are latents (B, C, H, W): the identity, f = 1.

    With it, diffusion in pixels (Ho et al. 2020) is the same program as latent diffusion: LDM-1 of
    Rombach et al. 2022, section 4.1.
    """

    def __init__(self, config: PixelsConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def factor(self) -> int:
        """Pixels per latent, along each side."""
        return self.config.factor

    def encode(self, pictures: Tensor) -> Posterior:
        """The pictures (B, C, H, W), as a distribution of variance 0."""
        return Posterior.at(pictures)

    def decode(self, latents: Tensor) -> Tensor:
        """The latents (B, C, H, W), not clamped to [-1, 1]."""
        return latents
