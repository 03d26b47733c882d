"""What a job tells while it works: progress, previews, pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from calotype.checkpoints.files import write_atomically
from calotype.generate.metadata import png
from calotype.generate.request import TextToImage


@dataclass(frozen=True)
class Progress:
    """How far the whole request is: ``done`` of ``total`` picture-steps."""

    done: int
    total: int


@dataclass(frozen=True)
class Preview:
    """What the pictures ``indices`` look like so far.

    latents: (B, C, h, w) the present estimate of the clean latents.
    decode: makes pictures of them when called, at the price of the decoder.
    """

    indices: range
    latents: Tensor
    decode: Callable[[], list[Image.Image]]


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    index: its place in the request that was run.
    request: makes this picture by itself; its seed is the picture's seed.
    model: the name of the model that made it.
    """

    index: int
    image: Image.Image
    request: TextToImage
    model: str

    @property
    def seed(self) -> int:
        """The seed that the picture's noise was drawn from."""
        return self.request.sampling.seed

    def png(self) -> bytes:
        """The PNG file of the picture, its own request inside."""
        return png(self.image, self.request, self.model)

    def save(self, path: str | Path) -> None:
        """Write the PNG file, whole or not at all; raises UserError where it cannot be written."""
        with write_atomically(Path(path)) as temporary:
            temporary.write_bytes(self.png())


Event = Progress | Preview | Picture
