"""``calotype inspect``."""

from __future__ import annotations

from pathlib import Path


def inspect(path: Path, /) -> None:
    """Show the contents of a model's file or folder, or the metadata of a picture.

    For a model: its family, networks and types, what its UNet predicts and how that was decided,
    and the hashes that other programs use. For an autoencoder alone: its latents and codebook, and
    what was assumed. For an unknown file: its tensors.

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
