"""Calotype: latent diffusion, whole."""

__version__ = "0.1.0"
