"""Picture <-> latent: the KL autoencoder of latent diffusion."""

from calotype.autoencoder.adversarial import (
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    ramp,
)
from calotype.autoencoder.autoencoder import Autoencoder
from calotype.autoencoder.bottleneck import Posterior
from calotype.autoencoder.config import AutoencoderConfig
from calotype.autoencoder.discriminator import PatchDiscriminator
from calotype.autoencoder.fold import fold_latents
from calotype.autoencoder.loss import reconstruction_loss
from calotype.autoencoder.perceptual import perceptual_distance

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "PatchDiscriminator",
    "Posterior",
    "adaptive_weight",
    "discriminator_loss",
    "fold_latents",
    "generator_loss",
    "perceptual_distance",
    "ramp",
    "reconstruction_loss",
]
