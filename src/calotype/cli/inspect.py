"""``calotype inspect``."""

from __future__ import annotations

from pathlib import Path


def inspect(path: Path, /) -> None:
    """Tell what a model's file or folder holds, or what a picture says of its making.

    Of a model its family, networks and types, what its UNet predicts and by which rule that was
    found, and the hashes by which other programs know it; of an autoencoder alone its latents and
    codebook, and what was assumed of it; of an unknown file, what is in it.

    Parameters
    ----------
    path: Path
        A picture .png, .jpg or .webp; a packaged model's name, a folder, a file .safetensors,
        .ckpt, .pt, .pth or .bin, or a hub id.
    """
    from calotype.generate.metadata import SUFFIXES, metadata_rows

    if path.suffix.lower() in SUFFIXES:
        described = metadata_rows(path)
    else:
        from calotype.checkpoints.describe import describe

        described = describe(path)
    for name, text in described:
        print(f"{name}: {text}")
