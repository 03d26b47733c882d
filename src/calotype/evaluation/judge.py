"""The reader with its packaged weights."""

from __future__ import annotations

from pathlib import Path

import torch

from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.scenes.reader import Reader

WEIGHTS = Path(__file__).parents[1] / "weights" / "reader.safetensors"


def load_reader(device: torch.device | str = "cpu") -> Reader:
    """The reader that judges pictures of scenes; no training may ever use it."""
    with on_meta():
        reader = Reader()
    reader.load_state_dict(read_safetensors(WEIGHTS), assign=True)
    return reader.to(device).eval().requires_grad_(False)
