"""The judges of pictures of scenes: reader and map reader, with their packaged weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.evaluation.scenes.prompts import ScenePrompt
from calotype.generate.pictures import to_picture
from calotype.scenes.map_reader import MapReader
from calotype.scenes.reader import SIZE, Reader, read
from calotype.scenes.reading import Mistake, mistakes

WEIGHTS = Path(__file__).parents[2] / "weights" / "reader.safetensors"
MAP_WEIGHTS = WEIGHTS.with_name("maps.safetensors")


@dataclass(frozen=True)
class Judged:
    """A picture, its prompt, and what of the prompt the picture shows differently, or does not.

    image: at most ``SIZE`` pixels of each side. mistakes: none where the picture is right.
    """

    image: Image.Image
    prompt: str
    mistakes: tuple[Mistake, ...]


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


def judge(image: Image.Image, prompt: ScenePrompt, reader: Reader) -> Judged:
    """Compare what the reader sees in a picture with the scene of its prompt.

    The image is made smaller in place: an evaluation keeps thousands for its sheets.
    """
    device = next(reader.parameters()).device
    (reading,) = read(reader, to_picture(image)[None].to(device))
    image.thumbnail((SIZE, SIZE))
    return Judged(image, prompt.prompt, mistakes(reading, prompt.scene))
