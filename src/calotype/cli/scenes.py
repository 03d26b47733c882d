"""``calotype scenes``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import Field, field_validator

from calotype.cli.options import from_options, with_options
from calotype.cli.outputs import PngFile, open_files
from calotype.cli.shared import DeviceName
from calotype.errors import UserError
from calotype.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image

    from calotype.scenes import SceneSource

BATCH_SIZE = 16  # pictures


class SceneOptions(Settings):
    """Which scenes are drawn, and how large."""

    count: int = Field(default=64, ge=1, description="number of scenes")
    size: int = Field(default=128, ge=8, le=4096, description="pixels of each side of a picture")
    seed: int = Field(default=0, ge=0, le=2**64 - 1, description="seed of the scenes")
    objects: str = Field(
        default="1..2", description="number of objects in a scene, 1 to 3, or a range such as 1..3"
    )
    split: Literal["train", "held_out", "all"] = Field(
        default="train",
        description="train: without some pairs of colour and shape; held_out: one of these pairs "
        "in each scene; all: every pair",
    )

    @field_validator("objects")
    @classmethod
    def _check_objects(cls, text: str) -> str:
        least, most = _object_range(text)
        if least > most:
            raise ValueError("must be 1, 2, 3, or a range of these such as 1..3")
        return text

    def source(self, device: str) -> SceneSource:
        """The scenes, their pictures drawn on this device."""
        from calotype.scenes import SceneSource

        objects = _object_range(self.objects)
        return SceneSource(
            self.seed, self.count, size=self.size, objects=objects, split=self.split, device=device
        )


def _object_range(text: str) -> tuple[int, int]:
    """ "2" -> (2, 2); "1..3" -> (1, 3); (1, 0) for what is no range."""
    parts = re.fullmatch(r"([1-3])(?:\.\.([1-3]))?", text.strip())
    return (int(parts[1]), int(parts[2] or parts[1])) if parts else (1, 0)


def _check_new_folder(_: object, folder: Path | None) -> None:
    if folder is None or not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError("is a file; name a folder that is empty or new")
    if any(folder.iterdir()):
        raise ValueError("is not empty; name a folder that is empty or new")


@with_options(SceneOptions, leave_out=[])
def scenes(
    *,
    given: dict[str, Any],
    grid: PngFile | None = None,
    write: Annotated[Path | None, Parameter(validator=_check_new_folder)] = None,
    device: DeviceName = "cpu",
) -> None:
    """Draw scenes of the built-in world: pictures of simple solids, with captions.

    Scene k of a seed is the same for every count. Prints the paths of its outputs.

    Parameters
    ----------
    grid: Path
        Write all pictures on one contact sheet, a .png file.
    write: Path
        Write a folder of NNNNNN.png and NNNNNN.txt (the caption), whole or not at all.
    """
    options = from_options(SceneOptions, given)
    if grid is None and write is None:
        raise UserError("nothing to write: give --grid FILE.png or --write FOLDER")
    from calotype.cli.device import device_named

    _draw(options.source(str(device_named(device))), grid, write)
    for path in (grid, write):
        if path is not None:
            print(path)


def _draw(source: SceneSource, grid: Path | None, write: Path | None) -> None:
    from calotype.checkpoints.files import write_folder_atomically
    from calotype.generate.sheets import contact_sheet

    with ExitStack() as outputs:
        (sheet,) = outputs.enter_context(open_files(grid))
        folder = outputs.enter_context(write_folder_atomically(write)) if write else None
        images = []
        for number, (image, text) in enumerate(_drawn(source)):
            if folder is not None:
                image.save(folder / f"{number:06d}.png")
                (folder / f"{number:06d}.txt").write_text(text + "\n", encoding="utf-8")
            if sheet is not None:
                images.append(image)
        if sheet is not None:
            contact_sheet(images, math.ceil(math.sqrt(len(images)))).save(sheet, format="PNG")


def _drawn(source: SceneSource) -> Iterator[tuple[Image, str]]:
    """Yield image and caption of every scene, and show the progress."""
    from calotype.cli.progress import ProgressBar
    from calotype.generate.pictures import to_images

    with ProgressBar() as bar:
        for start in range(0, len(source), BATCH_SIZE):
            end = min(start + BATCH_SIZE, len(source))
            for example in source.examples(range(start, end)):
                yield to_images(example.picture[None])[0], example.known["captions"]
            bar.update("scenes", end, len(source))
