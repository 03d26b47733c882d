"""``calotype convert``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from calotype.cli.shared import ModelName, Variant
from calotype.errors import UserError
from calotype.names import DtypeName


def convert(
    model: ModelName,
    out: Path,
    /,
    *,
    layout: Literal["diffusers", "compvis"] | None = None,
    dtype: DtypeName | None = None,
    variant: Variant = Variant(),
) -> None:
    """Write a model, or an autoencoder alone, in another layout: as a folder or as a single file.

    Every tensor that the model uses is kept unchanged; the others are listed.

    Parameters
    ----------
    out: Path
        The output: a file .safetensors for compvis, a new folder for diffusers.
    layout: str
        The layout, that is the names of the tensors; by default by the name of ``out``.
    dtype: str
        The type of the numbers; by default unchanged.
    """
    single = out.suffix == ".safetensors"
    if out.suffix in (".ckpt", ".pt", ".pth", ".bin"):
        raise UserError(f"{out}: pickles are read, not written; name a file .safetensors")
    if layout is not None and single != (layout == "compvis"):
        wanted = "a file .safetensors" if layout == "compvis" else "a folder"
        raise UserError(f"--layout = {layout}: writes {wanted}, not {out}")
    if out.exists():
        raise UserError(f"{out}: exists already; name a new {'file' if single else 'folder'}")
    from calotype.checkpoints.autoencoder_files import ASSUMED, autoencoder_alone, write_autoencoder
    from calotype.checkpoints.detect_prediction import with_prediction_type
    from calotype.checkpoints.load import read_parts
    from calotype.checkpoints.locate import find
    from calotype.checkpoints.model_folder import write_folder
    from calotype.checkpoints.parts import Parts, left_out
    from calotype.checkpoints.single_file import write_single
    from calotype.cli.device import dtype_named

    found = autoencoder_alone(find(model))
    if found is None:
        found = with_prediction_type(
            read_parts(model, variant.vae, variant.ema), variant.prediction
        )
        write = write_single if single else write_folder
        write(found, out, dtype_named(dtype))
    elif variant != Variant():
        raise UserError(f"--vae, --ema and --prediction: {model} is an autoencoder alone")
    else:
        write_autoencoder(found, out, dtype_named(dtype))
    autoencoder = found.autoencoder if isinstance(found, Parts) else found
    if autoencoder.rule == ASSUMED:
        own = autoencoder.config
        settings = f"scaling_factor {own.scaling_factor:g}, norm_num_groups {own.norm_num_groups}"
        print(f"{autoencoder.path}: {settings}: {ASSUMED}", file=sys.stderr)
    for why, names in left_out(found.dropped):
        print(f"left out: {names}: {why}", file=sys.stderr)
    print(out)
