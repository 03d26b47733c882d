"""How a codebook is kept in use, and moved where no gradient does it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from calotype.autoencoder import Quantizer, perplexity
from calotype.diffusion import uniform

DECAY = 0.99  # a step, of what is remembered of earlier ones (van den Oord et al., appendix A.1)
DEAD = 0.1  # of an even share of use; a vector below it is replaced


class CodebookCare(nn.Module):
    """Remembers how often each vector of a codebook is used; revives those that are not.

    averaged: the vectors are running means of the latents that they stand for (van den Oord et al.
    2017, appendix A.1), instead of following a gradient. What is remembered are buffers, so that a
    resumed run goes on from it.
    """

    uses: Tensor
    sums: Tensor

    def __init__(self, quantizer: Quantizer, averaged: bool) -> None:
        super().__init__()
        vectors = quantizer.embedding.weight
        self.averaged = averaged
        vectors.requires_grad_(not averaged)
        # As if each had had an even share, of itself.
        self.register_buffer("uses", torch.full((len(vectors),), 1 / len(vectors)))
        if averaged:
            self.register_buffer("sums", vectors.detach() / len(vectors))

    @torch.no_grad()
    def update(
        self, quantizer: Quantizer, latents: Tensor, indices: Tensor, seed: int, position: int
    ) -> dict[str, Tensor]:
        """Take a batch's latents (B, C, h, w) and their vectors (B, h, w) into account.

        Moves the averaged vectors, then puts latents of this batch, drawn by seed and position, in
        the place of dead ones. Returns what the journal should hold: the perplexity of the batch,
        the share of vectors that it uses, and how many were revived.
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
