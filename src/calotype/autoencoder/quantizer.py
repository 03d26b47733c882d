"""The quantiser: each place of a latent becomes the nearest vector of a codebook."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

COMMITMENT = 0.25  # beta of van den Oord et al., which they found not to matter from 0.1 to 2


@dataclass(frozen=True)
class Quantized:
    """latents: (B, C, h, w) vectors of the codebook. indices: (B, h, w) int64, which."""

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
        """The nearest vectors; the gradient goes straight through to ``latents``."""
        with torch.no_grad():
            # Half precision has no such distances, and would not tell near vectors apart.
            wide = torch.promote_types(latents.dtype, torch.float32)
            places = latents.movedim(1, -1).flatten(0, -2).to(wide)
            indices = torch.cdist(places, self.embedding.weight.to(wide)).argmin(dim=1)
        indices = indices.reshape(latents.shape[0], *latents.shape[2:])
        # The difference is exactly 0, and has the gradient of the latents.
        straight = latents - latents.detach()
        return Quantized(self.look_up(indices).detach() + straight, indices)

    def look_up(self, indices: Tensor) -> Tensor:
        """The vectors (B, C, h, w) of indices (B, h, w)."""
        return self.embedding(indices).movedim(-1, 1)

    def loss(self, latents: Tensor, indices: Tensor, commitment: float = COMMITMENT) -> Tensor:
        """The mean square by which vectors and latents draw each other near: (B,).

        Equation 3 there: the vectors come to the latents at full weight, the latents to the vectors
        at ``commitment``. (CompVis' code has the weight on the other of the two.)
        """
        nearest = self.look_up(indices)
        to_latents = F.mse_loss(nearest, latents.detach(), reduction="none")
        to_vectors = F.mse_loss(latents, nearest.detach(), reduction="none")
        return (to_latents + commitment * to_vectors).flatten(1).mean(1)


def perplexity(indices: Tensor, size: int) -> Tensor:
    """How many of ``size`` vectors are in use, as if evenly: exp of the entropy of their use."""
    share = torch.bincount(indices.flatten(), minlength=size) / indices.numel()
    return torch.special.entr(share).sum().exp()
