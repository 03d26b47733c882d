"""The perceptual distance of a training: LPIPS or the feature network, read from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from calotype.autoencoder import perceptual_distance
from calotype.autoencoder.lpips import Lpips
from calotype.checkpoints.fit import require_fit
from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.checkpoints.weights import read_weights
from calotype.errors import UserError
from calotype.scenes.features import FeatureNetwork
from calotype.settings import IDENTITY, Settings
from calotype.training.run_settings import RunSettings

MIN_SIZE = 16  # pixels of a side that VGG16 can halve four times
DROPPED = "classifier."  # VGG16's layers after the convolutions
# The feature networks in the package, by name.
FEATURES = {"scenes": Path(__file__).parents[1] / "weights" / "features.safetensors"}

Distance = Callable[[Tensor, Tensor], Tensor]
"""Two batches of pictures (B, C, H, W) -> (B,)."""


class PerceptualSettings(Settings):
    """What a perceptual loss compares pictures by, and its weight."""

    features: Annotated[Path | None, IDENTITY] = Field(
        default=None,
        description='feature network of the perceptual loss: "scenes", or a file made by task '
        "features; none: without",
    )
    vgg: Annotated[Path | None, IDENTITY] = Field(
        default=None,
        description="instead of features, with lpips: the file of torchvision's VGG16",
    )
    lpips: Annotated[Path | None, IDENTITY] = Field(
        default=None, description="with vgg: the file of the lpips package's linear heads for it"
    )
    perceptual_weight: float = Field(
        default=0.1, ge=0, description="weight of the perceptual loss; 0, or no network: without"
    )

    @model_validator(mode="after")
    def _check_perceptual(self) -> Self:
        if (self.vgg is None) != (self.lpips is None):
            given, other = ("vgg", "lpips") if self.vgg else ("lpips", "vgg")
            raise ValueError(f"{given}: goes with {other}, the other of two files; name both")
        if self.vgg and self.features:
            raise ValueError("features and vgg: a perceptual loss has one network; name one")
        return self


def perceptual(own: PerceptualSettings, settings: RunSettings) -> tuple[str, Distance] | None:
    """The distance that the settings ask for, under its name in the journal; None for none.

    Its networks are frozen, and in no checkpoint. UserError for pictures of a size or of channels
    that they can't take.
    """
    data, device = settings.data, settings.loop.device
    if not own.perceptual_weight or not (own.vgg or own.features):
        return None
    if data.channels not in (1, 3):
        raise UserError(
            f"data.channels = {data.channels}: a perceptual loss takes grey or colour, 1 or 3; "
            "leave out autoencoder.features, .vgg and .lpips"
        )
    if own.vgg and own.lpips:
        if data.size < MIN_SIZE:
            raise UserError(f"data.size = {data.size}: LPIPS needs {MIN_SIZE} at least")
        return "lpips", load_lpips(own.vgg, own.lpips, device)
    assert own.features is not None
    network = load_features(own.features, "autoencoder.features", device)

    def difference(found: Tensor, wanted: Tensor) -> Tensor:
        return perceptual_distance(network(_coloured(found)), network(_coloured(wanted)))

    return "perceptual", difference


def _coloured(pictures: Tensor) -> Tensor:
    return pictures.expand(-1, 3, -1, -1)


def load_features(path: Path, key: str, device: torch.device | str) -> FeatureNetwork:
    """The feature network of that name ("scenes") or in a file, frozen.

    key: names the setting in messages.
    """
    network = FeatureNetwork()
    weights = read_safetensors(FEATURES.get(str(path), path))
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if {name: tensor.shape for name, tensor in weights.items()} != shapes:
        raise UserError(f"{key} = {path}: not the file of a feature network")
    network.load_state_dict(weights)
    return network.to(device).eval().requires_grad_(False)


def load_lpips(vgg: Path, heads: Path, device: torch.device | str) -> Lpips:
    """The distance with weights from two files, .pth or .safetensors; frozen, in float32.

    vgg: torchvision's VGG16, as ``features.0.weight``; its classifier is left out. heads: those of
    the lpips package, as ``lin0.model.1.weight``; CompVis' vgg.pth is the same file. Raises
    UserError for a file that is missing, broken, unsafe or has any other tensor or shape.
    """
    with on_meta():
        network = Lpips()
    _fill(network.features, vgg, "VGG16", lambda name: f"features.{name}")
    _fill(network.heads, heads, "the heads of LPIPS", _head)
    return network.to(device).eval().requires_grad_(False)


def _head(name: str) -> str:
    """ "0.weight", as the lpips package calls it; a dropout stood before each convolution."""
    number, _, kind = name.partition(".")
    return f"lin{number}.model.1.{kind}"


def _fill(part: nn.Module, path: Path, what: str, published: Callable[[str], str]) -> None:
    """Give a part of the network the tensors of a file, each of which must fit."""
    places = {published(name): name for name in part.state_dict()}
    shapes = {there: part.state_dict()[name].shape for there, name in places.items()}
    found = {n: t for n, t in read_weights(path).items() if not n.startswith(DROPPED)}
    require_fit(found, shapes, f"{path} does not fit {what}")
    part.load_state_dict({places[n]: t.float() for n, t in found.items()}, assign=True)
