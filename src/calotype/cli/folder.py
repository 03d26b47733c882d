"""The folder that pictures go to: numbered files, none overwritten."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from PIL import Image

from calotype.checkpoints.files import write_atomically
from calotype.errors import UserError
from calotype.generate.events import Picture
from calotype.names import Format


def check_writable(folder: Path) -> None:
    """Raise UserError unless files can be written to ``folder``, which need not exist yet.

    Asked by writing an unnamed file, as permissions do not tell all; nothing is left behind.
    """
    there = folder
    try:
        there = next(place for place in [folder, *folder.absolute().parents] if place.exists())
        tempfile.TemporaryFile(dir=there).close()
    except NotADirectoryError:
        raise UserError(f"--out = {folder}: {there} is a file; name a folder") from None
    except OSError as error:
        raise UserError(f"--out = {folder}: cannot be written: {error.strerror}") from None


def save(picture: Picture, folder: Path, format: Format = "png") -> Path:
    """Write a picture as NNNNN-SEED.png (or its format), numbered on from those that are there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _reserve(folder, picture.seed, format)
    except OSError as error:
        raise UserError(f"--out = {folder}: cannot be written: {error.strerror}") from None
    try:
        picture.save(path)
    except BaseException:
        path.unlink()
        raise
    return path


def _reserve(folder: Path, seed: int, ending: str) -> Path:
    """An empty file under the next free name; another process may be writing here too."""
    while True:
        path = folder / f"{_next_number(folder):05d}-{seed}.{ending}"
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            continue


def _next_number(folder: Path) -> int:
    """The number after all that are taken, by a picture or by a sheet of pictures since removed."""
    numbers = [re.match(r"(?:grid-\d+-)?(\d+)[-.]", path.name) for path in folder.iterdir()]
    return max((int(number[1]) for number in numbers if number), default=-1) + 1


def save_sheet(sheet: Image.Image, paths: list[Path]) -> Path:
    """Write a sheet of these pictures, named after the numbers of its first and last."""
    first, last = (path.name.split("-")[0] for path in (min(paths), max(paths)))
    path = paths[0].with_name(f"grid-{first}-{last}.png")
    with write_atomically(path) as temporary:
        sheet.save(temporary, format="PNG")
    return path
