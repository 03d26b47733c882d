"""LayoutHead: predicts from a caption's context alone what is where, on the grid of cells."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.scenes.cells import CHANNELS, GRID
from calotype.scenes.scene import GROUNDS
from calotype.unet import AttentionSpec
from calotype.unet.attention import TransformerBlock

BLOCKS, FOLD = 2, 2  # transformer blocks; cells of a side that one place predicts


class LayoutHead(nn.Module):
    """Context (B, N, D) -> logits of cells (B, CHANNELS, GRID, GRID) and of grounds (B, G).

    A learned vector at each place reads the context and the other places, as in the queries of
    DETR (Carion et al. 2020, section 3.2). ``calotype.scenes.cells.losses`` compares the logits
    with a scene.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        spec = AttentionSpec(width, _heads(width), BLOCKS, width, only_cross=False)
        self.places = nn.Parameter(0.5 * torch.randn((GRID // FOLD) ** 2, width))
        self.blocks = nn.ModuleList(TransformerBlock(spec) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(width)
        self.cells = nn.Linear(width, CHANNELS * FOLD**2)
        self.ground = nn.Linear(width, len(GROUNDS))

    def forward(self, context: Tensor) -> tuple[Tensor, Tensor]:
        x = self.places.expand(len(context), -1, -1).clone()
        for block in self.blocks:
            x = block(x, context)
        x = self.norm(x)
        side = GRID // FOLD
        folded = self.cells(x).transpose(1, 2).unflatten(-1, (side, side))
        return F.pixel_shuffle(folded, FOLD), self.ground(x.mean(1))


def _heads(width: int) -> int:
    """Heads of about 32."""
    return max(n for n in range(1, max(1, width // 32) + 1) if width % n == 0)
