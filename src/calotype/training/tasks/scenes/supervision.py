"""Deep supervision: a head on features inside a UNet predicts what is in the scene, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.scenes.cells import CHANNELS, GRID, losses
from calotype.scenes.scene import GROUNDS
from calotype.unet import UNet

HIDDEN = 128
RARE = -5.0  # log odds of a cell to be the middle of an object, before anything is learned


class Supervision(nn.Module):
    """How far what a head predicts from a UNet's features is from what the scene is.

    A wrong word hardly shows in the error of the noise, but it does in a prediction of the scene:
    that teaches the UNet to take the words to their places. Deep supervision (Lee et al. 2015,
    equation 3), at the output of the last up block but one; the head, trained along, is thrown
    away.
    """

    def __init__(self, unet: UNet):
        super().__init__()
        block = max(-2, -len(unet.plan.up))
        last = nn.Conv2d(HIDDEN, CHANNELS, 1)
        with torch.no_grad():
            # Else the first steps would do nothing but unlearn objects everywhere.
            cast(Tensor, last.bias)[0] = RARE
        self.cells = nn.Sequential(
            nn.Conv2d(unet.plan.up[block].out_channels, HIDDEN, 1), nn.SiLU(), last
        )
        self.ground = nn.Linear(unet.plan.up[block].out_channels, len(GROUNDS))
        self._features: Sequence[Tensor] = ()
        unet.up_blocks[block].register_forward_hook(self._keep)

    def _keep(self, block: nn.Module, given: object, features: Tensor) -> None:
        self._features = (features,)

    def forward(self, wanted: Tensor) -> dict[str, Tensor]:
        """The mean loss of each thing that is predicted, by name, after the UNet's pass.

        wanted: (B, 8, GRID, GRID) as ``calotype.scenes.cells.targets`` makes it.
        """
        (features,), self._features = self._features, ()
        pooled = F.adaptive_avg_pool2d(features.float(), GRID)
        return losses(self.cells(pooled), self.ground(pooled.mean((2, 3))), wanted)
