"""Picture <-> latent: the autoencoders of latent diffusion, KL and VQ."""

from calotype.autoencoder.adversarial import (
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    ramp,
)
from calotype.autoencoder.autoencoder import Autoencoder, VQAutoencoder
from calotype.autoencoder.bottleneck import Posterior
from calotype.autoencoder.config import AutoencoderConfig, VQConfig
from calotype.autoencoder.discriminator import PatchDiscriminator
from calotype.autoencoder.fold import fold_latents
from calotype.autoencoder.loss import reconstruction_loss
from calotype.autoencoder.lpips import Lpips
from calotype.autoencoder.perceptual import perceptual_distance
from calotype.autoencoder.quantizer import Quantizer, perplexity

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "Lpips",
    "PatchDiscriminator",
    "Posterior",
    "Quantizer",
    "VQAutoencoder",
    "VQConfig",
    "adaptive_weight",
    "discriminator_loss",
    "fold_latents",
    "generator_loss",
    "perceptual_distance",
    "perplexity",
    "ramp",
    "reconstruction_loss",
]
