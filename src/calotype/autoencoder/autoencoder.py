"""The autoencoders, KL and VQ: encoder, bottleneck and decoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from calotype.autoencoder.bottleneck import Posterior, Reconstruction
from calotype.autoencoder.config import AutoencoderConfig, VQConfig
from calotype.autoencoder.decoder import Decoder
from calotype.autoencoder.encoder import Encoder
from calotype.autoencoder.pixels import Pixels
from calotype.autoencoder.quantizer import Quantizer

Draw = Callable[[torch.Size], Tensor]
"""A function that draws standard normals (B, C, h, w) for latents of shape (C, h, w)."""


class Autoencoder(nn.Module):
    """Pictures to latents and back, ``factor`` times smaller (Rombach et al. 2022, section 3.1).

    Pictures are (B, 3, H, W) in [-1, 1]; latents (B, latent_channels, H / factor, W / factor) are
    raw, that is, before ``config.scaling_factor``. The bottleneck is a normal distribution with a
    small weight on its KL divergence from N(0, 1).
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
        """Pixels per latent, along each side."""
        return self.config.factor

    def encode(self, pictures: Tensor) -> Posterior:
        """Pictures (B, 3, H, W) -> the distribution of their raw latents."""
        moments = self.encoder(pictures)
        if self.quant_conv is not None:
            moments = self.quant_conv(moments)
        return Posterior.from_moments(moments)

    def decode(self, latents: Tensor) -> Tensor:
        """Raw latents (B, C, h, w) -> pictures (B, 3, H, W), not clamped to [-1, 1]."""
        if self.post_quant_conv is not None:
            latents = self.post_quant_conv(latents)
        return self.decoder(latents)

    def reconstruct(self, pictures: Tensor, draw: Draw) -> Reconstruction:
        """Reconstructions of pictures (B, 3, H, W) from sampled latents; the cost is the KL's."""
        posterior = self.encode(pictures)
        latents = posterior.sample(draw(posterior.mean.shape[1:]).to(posterior.mean))
        return Reconstruction(self.decode(latents), latents, posterior.kl() / latents[0].numel())


class VQAutoencoder(nn.Module):
    """An autoencoder with a codebook: the decoder quantises its latents first.

    ``encode`` returns latents before quantisation, (B, config.diffused_channels, h, w), and those
    are what a diffusion model learns (Rombach et al. 2022, section 3.1: the decoder absorbs the
    quantisation).
    """

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.config = config
        inside, outside = config.latent_channels, config.diffused_channels
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(inside, outside, 1)
        self.quantize = Quantizer(config.num_vq_embeddings, outside)
        self.post_quant_conv = nn.Conv2d(outside, inside, 1)

    @property
    def factor(self) -> int:
        """Pixels per latent, along each side."""
        return self.config.factor

    def encode(self, pictures: Tensor) -> Posterior:
        """Pictures (B, 3, H, W) -> their raw latents, as a distribution of variance 0."""
        return Posterior.at(self.quant_conv(self.encoder(pictures)))

    def decode(self, latents: Tensor) -> Tensor:
        """Raw latents (B, C, h, w), quantised first -> pictures (B, 3, H, W), not clamped."""
        return self.decode_quantized(self.quantize(latents).latents)

    def reconstruct(self, pictures: Tensor, draw: Draw) -> Reconstruction:
        """Reconstructions from quantised latents; the cost is the codebook's; nothing is drawn."""
        latents = self.encode(pictures).mean
        found = self.quantize(latents)
        cost = self.quantize.loss(latents, found.indices)
        return Reconstruction(self.decode_quantized(found.latents), latents, cost, found.indices)

    def decode_quantized(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w), already vectors of the codebook -> pictures (B, 3, H, W)."""
        return self.decoder(self.post_quant_conv(latents))


def autoencoder_of(config: AutoencoderConfig) -> Autoencoder | VQAutoencoder:
    """A new autoencoder of the class that the config is of."""
    return VQAutoencoder(config) if isinstance(config, VQConfig) else Autoencoder(config)


FirstStage = Autoencoder | VQAutoencoder | Pixels
"""A network between pictures and the latents of a diffusion model."""
