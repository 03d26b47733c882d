"""``calotype inspect``."""

from __future__ import annotations

from pathlib import Path


def inspect(path: Path, /) -> None:
    """Tell what a model's file or folder holds.

    Its family, networks and types, what its UNet predicts and by which rule that was found, and the
    hashes by which other programs know it; of an unknown file, what can be told.

    Parameters
    ----------
    path: Path
        A packaged model's name, a folder, a file .safetensors, .ckpt, .pt, .pth or .bin, or a hub
        id.
    """
    from calotype.checkpoints.describe import describe

    for name, told in describe(path):
        print(f"{name}: {told}")
