"""What a training compares pictures by beside their pixels: LPIPS, or the feature network."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from calotype.autoencoder import perceptual_distance
from calotype.errors import UserError
from calotype.training.features import load_features
from calotype.training.lpips import load_lpips
from calotype.training.settings import TrainSettings

MIN_SIZE = 16  # pixels of a side that VGG16 can halve four times

Distance = Callable[[Tensor, Tensor], Tensor]
"""Two batches of pictures (B, C, H, W) -> (B,)."""


def perceptual(settings: TrainSettings) -> tuple[str, Distance] | None:
    """The distance that the settings ask for, under its name in the journal; None for none.

    Its networks are frozen, and in no checkpoint. UserError for pictures that they can't see.
    """
    own, data, device = settings.autoencoder, settings.data, settings.loop.device
    assert own is not None
    if not own.perceptual_weight or not (own.vgg or own.features):
        return None
    if data.channels not in (1, 3):
        raise UserError(
            f"data.channels = {data.channels}: a perceptual loss sees grey or colour, 1 or 3; "
            "leave out autoencoder.features, .vgg and .lpips"
        )
    if own.vgg and own.lpips:
        if data.size < MIN_SIZE:
            raise UserError(f"data.size = {data.size}: LPIPS needs {MIN_SIZE} at least")
        return "lpips", load_lpips(own.vgg, own.lpips, device)
    assert own.features is not None
    network = load_features(own.features, "autoencoder.features", device)

    def apart(found: Tensor, wanted: Tensor) -> Tensor:
        return perceptual_distance(network(_coloured(found)), network(_coloured(wanted)))

    return "perceptual", apart


def _coloured(pictures: Tensor) -> Tensor:
    return pictures.expand(-1, 3, -1, -1)
