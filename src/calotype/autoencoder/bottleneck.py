"""The bottleneck: a normal distribution over latents, and the reconstruction of a picture."""

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
        """From (B, 2C, h, w), means then log-variances, which are clamped to [-30, 20]."""
        mean, logvar = moments.chunk(2, dim=1)
        return Posterior(mean, logvar.clamp(-30.0, 20.0))

    @staticmethod
    def at(latents: Tensor) -> Posterior:
        """The distribution of variance 0 at ``latents``: samples equal them bit for bit."""
        return Posterior(latents, torch.full_like(latents, -torch.inf))

    @property
    def std(self) -> Tensor:
        """The standard deviation, (B, C, h, w)."""
        return torch.exp(0.5 * self.logvar)

    def sample(self, noise: Tensor) -> Tensor:
        """mean + std * noise: (B, C, h, w), for standard normal ``noise`` of the same shape."""
        return self.mean + self.std * noise

    def kl(self) -> Tensor:
        """KL(q || N(0, 1)) in nats, summed over each picture's latent: (B,).

        Kingma and Welling 2014, appendix B.
        """
        terms = self.mean.square() + self.logvar.exp() - 1.0 - self.logvar
        return 0.5 * terms.sum(dim=(1, 2, 3))


@dataclass(frozen=True)
class Reconstruction:
    """Training pictures after encoding and decoding, and their bottleneck's loss.

    pictures: (B, C, H, W), not clamped.
    latents: (B, C, h, w) raw, as they were encoded.
    cost: (B,), the regulariser of the bottleneck: a mean over the numbers of a latent, so that its
        weight means the same at every size.
    indices: int64 (B, h, w), the vectors of the codebook that replace the latents; None without a
        codebook.
    """

    pictures: Tensor
    latents: Tensor
    cost: Tensor
    indices: Tensor | None = None
