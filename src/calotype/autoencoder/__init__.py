"""Picture <-> latent: the autoencoders of latent diffusion, KL and VQ, and their losses."""

from calotype.autoencoder.adversarial import (
    Adversarial,
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    ramp,
)
from calotype.autoencoder.autoencoder import Autoencoder, FirstStage, VQAutoencoder, autoencoder_of
from calotype.autoencoder.bottleneck import Posterior, Reconstruction
from calotype.autoencoder.config import AutoencoderConfig, VQConfig
from calotype.autoencoder.discriminator import PatchDiscriminator
from calotype.autoencoder.fold import fold_latents
from calotype.autoencoder.loss import Norm, reconstruction_loss
from calotype.autoencoder.lpips import Lpips
from calotype.autoencoder.perceptual import perceptual_distance
from calotype.autoencoder.pixels import Pixels, PixelsConfig
from calotype.autoencoder.quantizer import Quantizer, perplexity

__all__ = [
    "Adversarial",
    "Autoencoder",
    "AutoencoderConfig",
    "FirstStage",
    "Lpips",
    "Norm",
    "PatchDiscriminator",
    "Pixels",
    "PixelsConfig",
    "Posterior",
    "Quantizer",
    "Reconstruction",
    "VQAutoencoder",
    "VQConfig",
    "adaptive_weight",
    "autoencoder_of",
    "discriminator_loss",
    "fold_latents",
    "generator_loss",
    "perceptual_distance",
    "perplexity",
    "ramp",
    "reconstruction_loss",
]
