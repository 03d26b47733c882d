"""The bottleneck: a normal distribution over latents; and what it says of a training picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Posterior:
    """q(latent | picture): independent normals with ``mean`` and ``logvar``, each (B, C, h, w)."""

    mean: Tensor
    logvar: Tensor

    @staticmethod
    def from_moments(moments: Tensor) -> Posterior:
        """Halves of (B, 2C, h, w); the log-variance is held in [-30, 20] so that exp is finite."""
        mean, logvar = moments.chunk(2, dim=1)
        return Posterior(mean, logvar.clamp(-30.0, 20.0))

    @staticmethod
    def at(latents: Tensor) -> Posterior:
        """These latents and no others: samples are equal to them to the bit."""
        return Posterior(latents, torch.full_like(latents, -torch.inf))

    @property
    def std(self) -> Tensor:
        """The standard deviation, (B, C, h, w)."""
        return torch.exp(0.5 * self.logvar)

    def sample(self, noise: Tensor) -> Tensor:
        """mean + std * noise, for standard normal ``noise`` of the same shape."""
        return self.mean + self.std * noise

    def kl(self) -> Tensor:
        """KL(q || N(0, 1)) in nats, summed over each latent: (B,).

        Kingma and Welling 2014, appendix B.
        """
        terms = self.mean.square() + self.logvar.exp() - 1.0 - self.logvar
        return 0.5 * terms.sum(dim=(1, 2, 3))


@dataclass(frozen=True)
class Reconstruction:
    """What comes of training pictures, and what the bottleneck says of them.

    pictures: (B, C, H, W), not clamped.
    latents: (B, C, h, w) raw, as they were encoded.
    cost: (B,) by which the bottleneck holds its latents: a mean over their numbers, so that its
        weight means the same at every size.
    indices: (B, h, w) vectors of the codebook that stand for the latents; None without one.
    """

    pictures: Tensor
    latents: Tensor
    cost: Tensor
    indices: Tensor | None = None
