"""``calotype replay``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from calotype.cli.options import DtypeName
from calotype.errors import UserError

MOST_THREADS = 256  # a picture may say any number


def replay(
    picture: Path,
    /,
    *,
    model: str | None = None,
    vae: str | None = None,
    ema: bool = False,
    prediction: Literal["epsilon", "v_prediction", "sample"] | None = None,
    out: Path = Path("pictures"),
    device: str = "auto",
    dtype: DtypeName | None = None,
) -> int:
    """Make a picture again from what its file says, and tell what is not the same.

    Reads the pictures of calotype and of AUTOMATIC1111's web UI, and of those who write as it does.
    Exit status 0 if the two pictures are the same to the last bit, 1 if they are not.

    Parameters
    ----------
    picture: Path
        A file .png, .jpg or .webp.
    model: str
        The model to make it with; needed where the picture's is not one of the packaged models, as
        a picture has no say in which files are opened.
    vae: str
        Another autoencoder, from a folder or a file.
    ema: bool
        The running average of the UNet's weights, of a training checkpoint.
    prediction: str
        What the UNet predicts, where the file is wrong or says nothing.
    out: Path
        Folder for the new picture; nothing in it is overwritten.
    device: str
        auto, cpu, cuda, cuda:1, mps, ...
    dtype: str
        Numbers that the networks compute in; by default as the device does best.
    """
    import torch

    from calotype.checkpoints import load
    from calotype.checkpoints.load import MODELS
    from calotype.cli.device import device_named, dtype_named
    from calotype.cli.folder import check_writable, save
    from calotype.cli.pictures import within_memory
    from calotype.cli.progress import watched
    from calotype.generate.metadata import read, requested
    from calotype.generate.pictures import apart
    from calotype.generate.run import events

    found = read(picture)
    request = requested(found, picture)
    named = found.model
    if model is None and named not in MODELS:
        told = f'"{named}"' if named else "one that it does not name"
        raise UserError(f"{picture}: was made with {told}; say with --model which file that is")
    check_writable(out)
    chosen = named if model is None else model
    where = device_named(device), dtype_named(dtype)
    loaded = load(chosen, *where, vae=vae, ema=ema, prediction=prediction)
    for text in found.left_out:
        _say(f"left out: {text}")
    one_by_one = found.made is not None and found.made.deterministic
    if one_by_one and found.made:
        # A sum's last bits are those of the way it was split.
        torch.set_num_threads(min(found.made.threads or 1, MOST_THREADS))
    with within_memory():
        (again,) = watched(events(loaded, request.alone(0), deterministic=one_by_one))
    print(save(again, out))
    if found.made:
        for text in found.made.differences(again.made):
            _say(text)
    most, share = apart(picture, again.image)
    if most is None:
        _say("another size")
    elif most:
        _say(f"differs by up to {most} of 255, in {share:.1%} of all numbers")
    else:
        _say("the same picture, bit for bit")
    return 0 if most == 0 else 1


def _say(text: str) -> None:
    from calotype.generate.metadata import printable

    print(printable(text), file=sys.stderr)
