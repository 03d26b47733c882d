"""CodebookCare: keeps the vectors of a codebook in use, and moves them where no gradient does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from calotype.autoencoder import Quantizer, perplexity
from calotype.diffusion import uniform

DECAY = 0.99  # of the running means, at each batch (van den Oord et al. 2017, appendix A.1)
DEAD = 0.1  # of an even share of use; a vector below it is replaced


class CodebookCare(nn.Module):
    """Counts how often each vector of a codebook is used; replaces those that are not.

    averaged: the vectors are running means of the latents nearest to them (van den Oord et al.
    2017, appendix A.1), instead of following a gradient. Counts and sums are buffers, so that a
    resumed run goes on from them.
    """

    uses: Tensor
    sums: Tensor

    def __init__(self, quantizer: Quantizer, averaged: bool) -> None:
        super().__init__()
        vectors = quantizer.embedding.weight
        self.averaged = averaged
        vectors.requires_grad_(not averaged)
        # As if each vector had been used evenly, for latents equal to itself.
        self.register_buffer("uses", torch.full((len(vectors),), 1 / len(vectors)))
        if averaged:
            self.register_buffer("sums", vectors.detach() / len(vectors))

    @torch.no_grad()
    def update(
        self, quantizer: Quantizer, latents: Tensor, indices: Tensor, seed: int, position: int
    ) -> dict[str, Tensor]:
        """Count a batch's latents (B, C, h, w) and the indices (B, h, w) of their vectors.

        Moves the averaged vectors, then puts latents of this batch, drawn by seed and position, in
        the place of unused ones. Returns scalars for the journal: the perplexity of the batch, the
        share of vectors that it uses, and how many were replaced ("revived").
        """
        vectors = quantizer.embedding.weight
        size = len(vectors)
        places = latents.movedim(1, -1).flatten(0, -2).to(vectors)
        chosen = indices.flatten()
        counts = torch.bincount(chosen, minlength=size).to(vectors) / len(chosen)
        self.uses.lerp_(counts, 1 - DECAY)
        dead = self.uses < DEAD / size
        if self.averaged:
            summed = torch.zeros_like(vectors).index_add_(0, chosen, places) / len(chosen)
            self.sums.lerp_(summed, 1 - DECAY)
            vectors.copy_(torch.where(dead[:, None], vectors, self.sums / self.uses[:, None]))
        # Each another place, as long as there are enough: of two equal vectors one stays unused.
        order = uniform(seed, position, "codebook", (len(places),))[0].argsort().to(places.device)
        vectors[dead] = places[order[torch.arange(size) % len(places)]][dead]
        self.uses[dead] = 1 / size
        if self.averaged:
            self.sums[dead] = vectors[dead] / size
        return {
            "perplexity": perplexity(indices, size),
            "used": (counts > 0).float().mean(),
            "revived": dead.sum(),
        }
