"""FolderSource: a folder of pictures, each with its caption in a text file of the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from calotype.data.pictures import may_be_deep, read_picture
from calotype.errors import UserError
from calotype.example import Example

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".npy")


class FolderSource:
    """The pictures of a folder and its subfolders in the order of their paths, cropped square.

    channels: 3 for colour, 1 for grey; others only from ``.npy`` arrays: see ``read_picture``.
    bits: 16 if any file may have more than 8 bits by its name, else 8.

    A picture without a ``.txt`` file has the empty caption. Raises UserError if the folder is
    missing or has no picture, and for a picture or caption that can't be read.
    """

    def __init__(self, folder: Path, size: int, channels: int = 3):
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
        self.size, self.channels = size, channels
        self.bits = 16 if any(may_be_deep(path, channels) for path in self.paths) else 8
        shape = f"{size}" if channels == 3 else f"{size} in {channels} channels"
        self.key = f"folder {folder.resolve()} {self._stamp()} at {shape}"

    def _stamp(self) -> str:
        """A digest of the files' names, sizes and times of change: it changes with the folder."""
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
            Example(read_picture(self.paths[index], self.size, self.channels), caption)
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
