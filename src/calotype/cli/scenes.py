"""``calotype scenes``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from calotype.cli.shared import DeviceName
from calotype.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

    from calotype.scenes import SceneSource

BATCH_SIZE = 16
MAX_SIZE = 4096  # pixels of a picture's side


def scenes(
    *,
    count: int = 64,
    grid: Path | None = None,
    write: Path | None = None,
    size: int = 128,
    seed: int = 0,
    objects: str = "1..2",
    split: Literal["train", "held_out", "all"] = "train",
    device: DeviceName = "cpu",
) -> None:
    """Draw scenes of the built-in world: pictures of simple solids, with captions.

    Scene k of a seed is always the same, whatever the count. Prints the paths of what it writes.

    Parameters
    ----------
    count: int
        Number of scenes.
    grid: Path
        Write all pictures on one contact sheet, a .png file.
    write: Path
        Write a folder of NNNNNN.png and NNNNNN.txt (the caption), whole or not at all.
    size: int
        Pixels of each side of a picture.
    seed: int
        Which scenes.
    objects: str
        Number of objects in a scene, 1 to 3, or a range of it: 1..3.
    split: str
        train leaves some pairs of colour and shape out; held_out shows one in each scene; all draws
        from every pair.
    """
    _check("--count", count, 1, None)
    _check("--size", size, 8, MAX_SIZE)
    _check("--seed", seed, 0, 2**64 - 1)
    wanted = _object_range(objects)
    if grid is None and write is None:
        raise UserError("nothing to write: give --grid FILE.png or --write FOLDER")
    from calotype.cli.device import device_named
    from calotype.scenes import SceneSource

    where = str(device_named(device))
    source = SceneSource(seed, count, size=size, objects=wanted, split=split, device=where)
    _draw(source, grid, write)
    for path in (grid, write):
        if path is not None:
            print(path)


def _check(option: str, value: int, least: int, most: int | None) -> None:
    if value < least:
        raise UserError(f"{option} = {value}: must be at least {least}")
    if most is not None and value > most:
        raise UserError(f"{option} = {value}: must be at most {most}")


def _object_range(text: str) -> tuple[int, int]:
    """ "2" -> (2, 2); "1..3" -> (1, 3)."""
    parts = re.fullmatch(r"([1-3])(?:\.\.([1-3]))?", text.strip())
    least, most = (int(parts[1]), int(parts[2] or parts[1])) if parts else (1, 0)
    if least > most:
        raise UserError(f'--objects = "{text}": must be 1, 2, 3, or a range of these such as 1..3')
    return least, most


def _draw(source: SceneSource, grid: Path | None, write: Path | None) -> None:
    """Opens both outputs before the first picture is drawn, so that a mistake shows at once."""
    from calotype.checkpoints.files import write_atomically, write_folder_atomically
    from calotype.generate.pictures import contact_sheet

    with ExitStack() as outputs:
        sheet = folder = None
        if grid is not None:
            if grid.suffix.lower() != ".png":
                raise UserError(f"--grid = {grid}: must be a .png file")
            sheet = outputs.enter_context(write_atomically(grid))
            sheet.touch()
        if write is not None:
            _check_empty(write)
            folder = outputs.enter_context(write_folder_atomically(write))
        images = []
        for number, (image, text) in enumerate(_drawn(source)):
            if folder is not None:
                image.save(folder / f"{number:06d}.png")
                (folder / f"{number:06d}.txt").write_text(text + "\n", encoding="utf-8")
            if sheet is not None:
                images.append(image)
        if sheet is not None:
            contact_sheet(images, math.ceil(math.sqrt(len(images)))).save(sheet, format="PNG")


def _check_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--write = {folder}: is a file; name a folder that is empty or new")
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"--write = {folder}: is not empty; name a folder that is empty or new")


def _drawn(source: SceneSource) -> Iterator[tuple[Image, str]]:
    """Image and caption of every scene, progress shown."""
    from calotype.cli.progress import ProgressBar
    from calotype.generate.pictures import to_images

    with ProgressBar() as bar:
        for start in range(0, len(source), BATCH_SIZE):
            end = min(start + BATCH_SIZE, len(source))
            for example in source.examples(range(start, end)):
                yield to_images(example.picture[None])[0], example.known["captions"]
            bar.update("scenes", end, len(source))
