"""The learned perceptual distance, its published weights read from the user's two files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from calotype.autoencoder.lpips import Lpips
from calotype.checkpoints.fit import require_fit
from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.weights import read_weights

DROPPED = "classifier."  # VGG16's layers after the convolutions


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
