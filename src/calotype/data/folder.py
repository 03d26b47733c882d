"""FolderSource: a folder of pictures, each with its caption in a text file of the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from calotype.data.transforms import square
from calotype.errors import UserError
from calotype.example import Example

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class FolderSource:
    """The pictures of a folder and its subfolders in the order of their paths, cut square.

    A picture without a ``.txt`` beside it has the empty caption. Raises UserError where the folder
    is missing or holds no picture, and at a picture or caption that can't be read.
    """

    def __init__(self, folder: Path, size: int):
        if not folder.is_dir():
            raise UserError(
                f'data.source: {folder} is not a folder; give a folder of pictures, or "scenes"'
            )
        self.paths = sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES
        )
        if not self.paths:
            allowed = ", ".join(PICTURE_SUFFIXES)
            raise UserError(f"data.source: {folder} holds no pictures; looked for {allowed}")
        self.size = size
        self.key = f"folder {folder.resolve()} {self._stamp()} at {size}"

    def _stamp(self) -> str:
        """A digest of names, lengths and times, so that a changed folder is another collection."""
        digest = hashlib.sha256()
        for path in self.paths:
            try:
                status = path.stat()
            except OSError as error:
                raise UserError(f"{path}: can't be read ({error.strerror}); remove it") from None
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.paths)

    def examples(self, indices: Sequence[int]) -> list[Example]:
        captions = self.captions(indices, indices)
        return [
            Example(read_picture(self.paths[index], self.size), caption)
            for index, caption in zip(indices, captions, strict=True)
        ]

    def captions(self, indices: Sequence[int], variants: Sequence[int]) -> list[str]:
        return [read_caption(self.paths[index].with_suffix(".txt")) for index in indices]


def read_caption(path: Path) -> str:
    """The caption in a text file; empty where there is no such file."""
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read as a caption in UTF-8 ({error})") from None


def read_picture(path: Path, size: int) -> torch.Tensor:
    """A picture file as (3, size, size) float in [-1, 1], turned upright and cut square."""
    try:
        with Image.open(path) as image:
            picture = square(ImageOps.exif_transpose(image).convert("RGB"), size)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(
            f"{path}: can't be read as a picture ({error}); mend or remove it"
        ) from None
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return pixels.float() / 127.5 - 1
