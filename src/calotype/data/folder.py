"""FolderSource: a folder of pictures, each with its caption in a text file of the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from calotype.data.pictures import may_be_deep, read_picture
from calotype.errors import UserError
from calotype.example import Example, Known
from calotype.settings import IDENTITY
from calotype.source import SourceSettings

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
                f"data.folder: {folder} is not a folder; name a folder of pictures, or another "
                "data.source"
            )
        self.paths = sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES
        )
        if not self.paths:
            allowed = ", ".join(PICTURE_SUFFIXES)
            raise UserError(f"data.folder: {folder} holds no pictures; looked for {allowed}")
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
        return [
            Example(read_picture(path, self.size, self.channels), {"captions": caption_of(path)})
            for path in (self.paths[index] for index in indices)
        ]

    def known(self, indices: Sequence[int], variants: Sequence[int]) -> Known:
        return {"captions": [caption_of(self.paths[index]) for index in indices]}


class FolderData(SourceSettings):
    """A folder of pictures as the source of a training."""

    source: Annotated[Literal["folder"], IDENTITY] = Field(
        default="folder",
        description="where the pictures are from; a path means the pictures in that folder",
    )
    folder: Annotated[Path, IDENTITY] = Field(
        description="folder of pictures, each with its caption in a .txt file of the same name"
    )

    def open(self) -> FolderSource:
        return FolderSource(self.folder, self.size, self.channels)


def caption_of(picture: Path) -> str:
    """The caption in the text file beside a picture; empty where there is no such file."""
    path = picture.with_suffix(".txt")
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read as a caption in UTF-8 ({error})") from None
