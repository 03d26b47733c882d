"""The feature network of a file, frozen, as trainings use it."""

from __future__ import annotations

from pathlib import Path

import torch

from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.errors import UserError
from calotype.scenes.features import FeatureNetwork

# The feature networks in the package, by name.
FEATURES = {"scenes": Path(__file__).parents[1] / "weights" / "features.safetensors"}


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
