"""``calotype generate``."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Literal

from calotype.cli.options import DtypeName, FormatName, from_options, with_options
from calotype.cli.prompts import listed
from calotype.errors import UserError
from calotype.generate.request import TextToImage


@with_options(TextToImage, leave_out=["job", "prompt"])
def generate(
    *prompts: str,
    given: dict[str, Any],
    model: str = "scenes",
    vae: str | None = None,
    ema: bool = False,
    prediction: Literal["epsilon", "v_prediction", "sample"] | None = None,
    out: Path = Path("pictures"),
    grid: bool = False,
    format: FormatName = "png",
    prompts_from: Path | None = None,
    batch_size: int | None = None,
    deterministic: bool = False,
    device: str = "auto",
    dtype: DtypeName | None = None,
) -> None:
    """Make pictures from words: files that hold their own request.

    Prints their paths. Picture k of a request with seed S has seed S + k; without ``--seed`` the
    seed is drawn at random, and stands in the file's name.

    Parameters
    ----------
    prompts: str
        What the pictures show, each in quotes.
    model: str
        A packaged model's name, a folder in the diffusers layout, a file .safetensors or .ckpt, or
        a hub id, owner/name[@revision].
    vae: str
        Another autoencoder, from a folder or a file.
    ema: bool
        The running average of the UNet's weights, of a training checkpoint.
    prediction: str
        What the UNet predicts, where the file is wrong or says nothing.
    out: Path
        Folder for the pictures, NNNNN-SEED and their format; nothing in it is overwritten.
    grid: bool
        Also write all pictures on one contact sheet.
    format: str
        png, which keeps every bit, or the smaller jpeg and webp.
    prompts_from: Path
        A text file with further prompts, one a line; empty lines and those that begin with # are
        left out.
    batch_size: int
        Pictures made side by side; by default as many as suits their size.
    deterministic: bool
        One by one, so that on a CPU each picture is the same to the last bit whatever else is
        asked for, and ``calotype replay`` can make it again.
    device: str
        auto, cpu, cuda, cuda:1, mps, ...
    dtype: str
        Numbers that the networks compute in; by default as the device does best.
    """
    given.setdefault("sampling", {}).setdefault("seed", secrets.randbelow(2**32))
    if prompts_from is not None:
        prompts += listed(prompts_from)
    if not prompts:
        raise UserError("no prompt: say in quotes what the picture shows, or name a --prompts-from")
    request = from_options(TextToImage, {**given, "prompt": prompts})
    # torch, only once the request is known to be good
    from calotype.checkpoints import load
    from calotype.cli.device import device_named, dtype_named
    from calotype.cli.folder import check_writable
    from calotype.cli.pictures import How, make

    check_writable(out)  # before the work, not after it
    where = device_named(device), dtype_named(dtype)
    loaded = load(model, *where, vae=vae, ema=ema, prediction=prediction)
    make(request, loaded, How(out, format, batch_size, deterministic), grid)
