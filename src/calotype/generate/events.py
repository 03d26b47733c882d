"""Events of a running request: progress, previews, pictures."""

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
    """``done`` of ``total`` steps, those of all pictures of the request added up."""

    done: int
    total: int


@dataclass(frozen=True)
class Preview:
    """The pictures ``indices`` as they are estimated at this step.

    latents: (B, C, h, w) the estimate of the clean latents.
    decode: decodes them when it is called; a preview that nobody looks at costs nothing.
    """

    indices: Sequence[int]
    latents: Tensor
    decode: Callable[[], list[Image.Image]]


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    index: its number in the request, from 0.
    request: the request that makes this picture alone; its seed is the picture's seed.
    provenance: the model, versions and device that made it.
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
        """The bytes of the picture's file with its request inside; JPEG and WebP are lossy."""
        return encode_picture(self.image, self.request, self.provenance, format)

    def save(self, path: str | Path) -> None:
        """Write the file atomically, in the format of its suffix: .png, .jpg, .jpeg or .webp.

        Raises UserError for another suffix, and if the file cannot be written.
        """
        data = self.file(format_of(Path(path)))
        with write_atomically(Path(path)) as temporary:
            temporary.write_bytes(data)


Event = Progress | Preview | Picture
