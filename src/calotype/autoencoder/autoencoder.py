"""The KL autoencoder: encoder, bottleneck and decoder together."""

from __future__ import annotations

from torch import Tensor, nn

from calotype.autoencoder.bottleneck import Posterior
from calotype.autoencoder.config import AutoencoderConfig
from calotype.autoencoder.decoder import Decoder
from calotype.autoencoder.encoder import Encoder


class Autoencoder(nn.Module):
    """Pictures to latents and back, ``factor`` times smaller (Rombach et al. 2022, section 3.1).

    Pictures are (B, 3, H, W) in [-1, 1]; latents (B, latent_channels, H / factor, W / factor) are
    raw, that is, before ``config.scaling_factor``.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = (
            nn.Conv2d(2 * channels, 2 * channels, 1) if config.use_quant_conv else None
        )
        self.post_quant_conv = (
            nn.Conv2d(channels, channels, 1) if config.use_post_quant_conv else None
        )

    @property
    def factor(self) -> int:
        """How many pixels a latent is wide."""
        return self.config.factor

    def encode(self, pictures: Tensor) -> Posterior:
        """The distribution of the raw latents of each picture."""
        moments = self.encoder(pictures)
        if self.quant_conv is not None:
            moments = self.quant_conv(moments)
        return Posterior.from_moments(moments)

    def decode(self, latents: Tensor) -> Tensor:
        """The pictures of raw latents; not clamped to [-1, 1]."""
        if self.post_quant_conv is not None:
            latents = self.post_quant_conv(latents)
        return self.decoder(latents)

    def forward(self, pictures: Tensor, noise: Tensor) -> tuple[Tensor, Posterior]:
        """Reconstructions from sampled latents, and the posterior that they were sampled from."""
        posterior = self.encode(pictures)
        return self.decode(posterior.sample(noise)), posterior
