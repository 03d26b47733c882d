"""Alignment: what a UNet says half-way is made like another network's view of the clean picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from calotype.scenes.features import WIDTHS
from calotype.unet import UNet

HIDDEN = 256


class Alignment(nn.Module):
    """How unlike a UNet's features of a noisy latent are to given features of the clean picture.

    Representation alignment (Yu et al. 2024, equation 8): a small network, trained along and thrown
    away, carries the output of the last up block but one to the given features, which say more of
    what is in a picture than a latent does.
    """

    def __init__(self, unet: UNet, channels: int = WIDTHS[-1]):
        super().__init__()
        seen = max(-2, -len(unet.plan.up))
        self.project = nn.Sequential(
            nn.Conv2d(unet.plan.up[seen].out_channels, HIDDEN, 1),
            nn.SiLU(),
            nn.Conv2d(HIDDEN, HIDDEN, 1),
            nn.SiLU(),
            nn.Conv2d(HIDDEN, channels, 1),
        )
        self._said: Sequence[Tensor] = ()
        unet.up_blocks[seen].register_forward_hook(self._listen)

    def _listen(self, block: nn.Module, given: object, said: Tensor) -> None:
        self._said = (said,)

    def forward(self, wanted: Tensor) -> Tensor:
        """1 - cosine at each place, (B, h, w), after the UNet's pass over a batch.

        wanted: (B, channels, h, w), the clean pictures' features.
        """
        (said,), self._said = self._said, ()
        said = self.project(F.adaptive_avg_pool2d(said, (wanted.shape[-2], wanted.shape[-1])))
        return 1 - F.cosine_similarity(said.float(), wanted.float(), dim=1)
