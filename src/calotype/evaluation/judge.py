"""The judges of pictures of scenes, reader and map reader, with their packaged weights."""

from __future__ import annotations

from pathlib import Path

import torch

from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.scenes.map_reader import MapReader
from calotype.scenes.reader import Reader

WEIGHTS = Path(__file__).parents[1] / "weights" / "reader.safetensors"
MAP_WEIGHTS = WEIGHTS.with_name("maps.safetensors")


def load_reader(device: torch.device | str = "cpu") -> Reader:
    """The reader that judges pictures of scenes; no training may ever use it."""
    with on_meta():
        reader = Reader()
    reader.load_state_dict(read_safetensors(WEIGHTS), assign=True)
    return reader.to(device).eval().requires_grad_(False)


def load_map_reader(device: torch.device | str = "cpu") -> MapReader:
    """The map reader that judges masks, maps and layouts of scenes; no training may ever use it."""
    with on_meta():
        network = MapReader()
    network.load_state_dict(read_safetensors(MAP_WEIGHTS), assign=True)
    # Its file holds fp16, to be small; it computes in fp32.
    return network.to(device, torch.float32).eval().requires_grad_(False)
