"""Picture <-> latent: the KL autoencoder of latent diffusion."""

from calotype.autoencoder.autoencoder import Autoencoder
from calotype.autoencoder.bottleneck import Posterior
from calotype.autoencoder.config import AutoencoderConfig
from calotype.autoencoder.fold import fold_latents
from calotype.autoencoder.loss import reconstruction_loss

__all__ = ["Autoencoder", "AutoencoderConfig", "Posterior", "fold_latents", "reconstruction_loss"]
