"""The feature network of a file, frozen, as trainings use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from calotype.checkpoints.files import read_safetensors
from calotype.errors import UserError
from calotype.scenes.features import FeatureNetwork


def load_features(path: Path, key: str, device: torch.device | str) -> FeatureNetwork:
    """The feature network in a file, frozen; ``key`` names the setting in messages."""
    network, weights = FeatureNetwork(), read_safetensors(path)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if {name: tensor.shape for name, tensor in weights.items()} != shapes:
        raise UserError(f"{key} = {path}: not the file of a feature network")
    network.load_state_dict(weights)
    return network.to(device).eval().requires_grad_(False)


def coarse_features(network: FeatureNetwork, side: int) -> Callable[[Tensor], Tensor]:
    """Pictures (B, 3, H, W) -> the network's last features (B, C, side, side), each of mean 0.

    What all places have in common would make all of them alike.
    """

    @torch.inference_mode()
    def encode(pictures: Tensor) -> Tensor:
        device = next(network.parameters()).device
        found = F.adaptive_avg_pool2d(network(pictures.to(device))[-1], side)
        return found - found.mean((2, 3), keepdim=True)

    return encode
