"""The output folder of pictures: numbered files, none overwritten."""

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

    Tested by writing an unnamed temporary file, as permissions alone do not decide it.
    """
    existing = folder
    try:
        existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
        tempfile.TemporaryFile(dir=existing).close()
    except NotADirectoryError:
        raise UserError(f"--out = {folder}: {existing} is a file; name a folder") from None
    except OSError as error:
        raise UserError(f"--out = {folder}: cannot be written: {error.strerror}") from None


def save(picture: Picture, folder: Path, format: Format = "png") -> Path:
    """Write a picture as NNNNN-SEED.png (or its format); NNNNN continues the folder's numbers."""
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
    """Create an empty file with the next free name; another process may write here as well."""
    while True:
        path = folder / f"{_next_number(folder):05d}-{seed}.{ending}"
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            continue


def _next_number(folder: Path) -> int:
    """The number after all numbers in use, by a picture or in the name of a sheet."""
    numbers = [re.match(r"(?:grid-\d+-)?(\d+)[-.]", path.name) for path in folder.iterdir()]
    return max((int(number[1]) for number in numbers if number), default=-1) + 1


def save_sheet(sheet: Image.Image, paths: list[Path]) -> Path:
    """Write a sheet of pictures, named by the numbers of its first and last picture."""
    first, last = (path.name.split("-")[0] for path in (min(paths), max(paths)))
    path = paths[0].with_name(f"grid-{first}-{last}.png")
    with write_atomically(path) as temporary:
        sheet.save(temporary, format="PNG")
    return path
