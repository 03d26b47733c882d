"""``calotype replay``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from calotype.cli.shared import Loading, OutputFolder
from calotype.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

    from calotype.generate.events import Picture
    from calotype.generate.provenance import Provenance
    from calotype.generate.request import Request
    from calotype.model import LatentDiffusion

MAX_THREADS = 256  # a picture may say any number


def replay(
    picture: Path,
    /,
    *,
    model: str | None = None,
    loading: Loading = Loading(),
    out: OutputFolder = Path("pictures"),
) -> int:
    """Make a picture again from what its file says, and tell what is not the same.

    Reads the pictures of calotype and of AUTOMATIC1111's web UI, and of those who write as it does.
    Exit status 0 if the two pictures are the same to the last bit, 1 if they are not.

    Parameters
    ----------
    picture: Path
        A file .png, .jpg or .webp.
    model: str
        The model to make it with; needed where the picture's is not a packaged model: a path that
        a picture names is not opened.
    """
    from calotype.cli.folder import check_writable, save
    from calotype.generate.metadata import read_metadata, require_request

    found = read_metadata(picture)
    request = require_request(found, picture)
    chosen = _packaged_model(found.model, picture) if model is None else model
    check_writable(out)
    loaded = loading.load(chosen)
    for text in found.left_out:
        _say(f"left out: {text}")
    again = _remake(loaded, request.single(0), found.provenance)
    print(save(again, out))
    if found.provenance:
        for text in found.provenance.differences(again.provenance):
            _say(text)
    return 0 if _same(picture, again.image) else 1


def _packaged_model(model: str, picture: Path) -> str:
    """The packaged model that a picture names; UserError where it names none of them."""
    from calotype.checkpoints.locate import MODELS

    if model not in MODELS:
        name = f'"{model}"' if model else "one that it does not name"
        raise UserError(f"{picture}: was made with {name}; say with --model which file that is")
    return model


def _remake(model: LatentDiffusion, request: Request, provenance: Provenance | None) -> Picture:
    """The picture of a request, made in the way in which the other one was ``provenance``."""
    import torch

    from calotype.cli.pictures import within_memory
    from calotype.cli.progress import show_progress
    from calotype.generate.run import events

    one_by_one = provenance is not None and provenance.deterministic
    if provenance and one_by_one:
        # A sum's last bits are those of the way it was split.
        torch.set_num_threads(min(provenance.threads or 1, MAX_THREADS))
    with within_memory():
        (again,) = show_progress(events(model, request, deterministic=one_by_one))
    return again


def _same(picture: Path, again: Image) -> bool:
    """Whether two pictures are the same, and say how far they are apart."""
    from calotype.generate.pictures import difference

    most, share = difference(picture, again)
    if most is None:
        _say("another size")
    elif most:
        _say(f"differs by up to {most} of 255, in {share:.1%} of all numbers")
    else:
        _say("the same picture, bit for bit")
    return most == 0


def _say(text: str) -> None:
    from calotype.generate.metadata import printable

    print(printable(text), file=sys.stderr)
