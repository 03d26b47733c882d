"""Pictures as numpy arrays: any number of channels, in 8 or 16 bits or as floats."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.lib.format import open_memmap

from calotype.errors import UserError

# What numpy raises for a broken header, and Python for a deeply nested one.
_BROKEN = (ValueError, SyntaxError, TypeError, OverflowError, TokenError)
_BROKEN += (MemoryError, RecursionError)


def read_array(path: Path, channels: int) -> np.ndarray:
    """The picture in a ``.npy`` file, (H, W) or (H, W, C), as float32 (H, W, C) in [-1, 1].

    Raises UserError for a broken file, a file of Python objects or of another number of channels,
    and as ``in_range`` does.
    """
    try:
        array = open_memmap(path, mode="r")
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error})") from None
    except _BROKEN as error:
        reason = str(error).partition("\n")[0][:200]
        raise UserError(f"{path}: can't be read as an array ({reason})") from None
    picture = array[..., None] if array.ndim == 2 else array
    if picture.ndim != 3 or picture.shape[2] != channels or not picture.size:
        raise UserError(
            f"{path}: an array of shape {array.shape}; data.channels = {channels} needs "
            f"(height, width{f', {channels}' if channels > 1 else ''})"
        )
    return in_range(picture, path)


def in_range(array: np.ndarray, path: Path) -> np.ndarray:
    """An array as float32 in [-1, 1]: uint8 and uint16 are scaled by their range, floats unchanged.

    Raises UserError, beginning with ``path``, for floats outside that range and for other types.
    """
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        half = np.float32(np.iinfo(array.dtype).max / 2)
        return array.astype(np.float32) / half - 1
    if array.dtype.kind != "f":
        raise UserError(
            f"{path}: numbers of type {array.dtype}; save uint8, uint16, or floats in [-1, 1]"
        )
    least, most = float(array.min()), float(array.max())
    if not (least >= -1 and most <= 1):
        raise UserError(f"{path}: floats from {least:g} to {most:g}; scale them to [-1, 1]")
    return array.astype(np.float32)
