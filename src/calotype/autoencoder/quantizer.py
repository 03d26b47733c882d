"""The quantiser: replaces each position of a latent by the nearest vector of a codebook."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

COMMITMENT = 0.25  # beta of van den Oord et al., who found no effect of it between 0.1 and 2


@dataclass(frozen=True)
class Quantized:
    """latents: (B, C, h, w), vectors of the codebook. indices: their numbers, int64 (B, h, w)."""

    latents: Tensor
    indices: Tensor


class Quantizer(nn.Module):
    """A codebook of ``size`` vectors for latents of ``channels`` (van den Oord et al. 2017).

    The parameter has its published name, ``embedding.weight``.
    """

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, channels)
        nn.init.uniform_(self.embedding.weight, -1 / size, 1 / size)

    def forward(self, latents: Tensor) -> Quantized:
        """Latents (B, C, h, w) -> the nearest vectors, with a straight-through gradient."""
        with torch.no_grad():
            # torch.cdist takes no half precision, which is also too coarse to find the nearest.
            wide = torch.promote_types(latents.dtype, torch.float32)
            places = latents.movedim(1, -1).flatten(0, -2).to(wide)
            indices = torch.cdist(places, self.embedding.weight.to(wide)).argmin(dim=1)
        indices = indices.reshape(latents.shape[0], *latents.shape[2:])
        # Exactly 0, with the gradient of the latents.
        straight = latents - latents.detach()
        return Quantized(self.look_up(indices).detach() + straight, indices)

    def look_up(self, indices: Tensor) -> Tensor:
        """The vectors (B, C, h, w) of indices (B, h, w)."""
        return self.embedding(indices).movedim(-1, 1)

    def loss(self, latents: Tensor, indices: Tensor, commitment: float = COMMITMENT) -> Tensor:
        """The mean squared distance of latents (B, C, h, w) and their vectors: (B,).

        Two terms (van den Oord et al. 2017, equation 3): the gradient to the vectors has weight 1,
        that to the latents ``commitment``. (CompVis' code has the weight on the other term.)
        """
        nearest = self.look_up(indices)
        to_latents = F.mse_loss(nearest, latents.detach(), reduction="none")
        to_vectors = F.mse_loss(latents, nearest.detach(), reduction="none")
        return (to_latents + commitment * to_vectors).flatten(1).mean(1)


def perplexity(indices: Tensor, size: int) -> Tensor:
    """exp of the entropy of the use of ``size`` vectors, from indices of any shape: ()."""
    share = torch.bincount(indices.flatten(), minlength=size) / indices.numel()
    return torch.special.entr(share).sum().exp()
