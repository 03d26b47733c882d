"""What a job tells while it works: progress, previews, pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from calotype.checkpoints.files import write_atomically
from calotype.generate.metadata import encode_picture, format_of
from calotype.generate.provenance import Provenance
from calotype.generate.request import Request
from calotype.names import Format


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

    indices: Sequence[int]
    latents: Tensor
    decode: Callable[[], list[Image.Image]]


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    index: its place in the job that was run.
    request: makes this picture by itself; its seed is the picture's seed.
    provenance: by what it was made.
    """

    index: int
    image: Image.Image
    request: Request
    provenance: Provenance

    @property
    def seed(self) -> int:
        """The seed that the picture's noise was drawn from."""
        return self.request.sampling.seed

    def file(self, format: Format = "png") -> bytes:
        """The picture's file, its own request inside; JPEG and WebP lose a little of it."""
        return encode_picture(self.image, self.request, self.provenance, format)

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all, in the format that its name ends with.

        Raises UserError where it cannot be written, or for another ending than .png, .jpg, .jpeg or
        .webp.
        """
        data = self.file(format_of(Path(path)))
        with write_atomically(Path(path)) as temporary:
            temporary.write_bytes(data)


Event = Progress | Preview | Picture
