"""Picture files of any format -> square tensors in [-1, 1] with a given number of channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from calotype.data.arrays import in_range, read_array
from calotype.data.transforms import square, square_array
from calotype.errors import UserError

ARRAY = ".npy"
DEEP = (".png", ".tif", ".tiff")  # formats whose greyscale pictures may have 16 bits
MODES = {1: "L", 3: "RGB"}


def may_be_deep(path: Path, channels: int) -> bool:
    """Whether a file of this name, read in so many channels, may have more than 8 bits in each."""
    suffix = path.suffix.lower()
    return suffix == ARRAY or (channels == 1 and suffix in DEEP)


def read_picture(path: Path, size: int, channels: int) -> Tensor:
    """A file as float (channels, size, size) in [-1, 1], upright by its EXIF, cropped square.

    Pictures are converted to RGB (3 channels) or grey (1 channel) of 8 bits; with 1 channel,
    greyscale of 16 bits or floats keeps its precision. ``.npy`` arrays must have the channels.
    Raises UserError for a file that can't be read this way.
    """
    if path.suffix.lower() == ARRAY:
        return torch.from_numpy(square_array(read_array(path, channels), size))
    if channels not in MODES:
        raise UserError(
            f"{path}: a picture file has 1 or 3 channels; data.channels = {channels} needs {ARRAY}"
        )
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            deep = upright.mode.startswith("I") or upright.mode == "F"
            if deep:
                pixels = np.asarray(upright)
            else:
                pixels = np.array(square(upright.convert(MODES[channels]), size))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(
            f"{path}: can't be read as a picture ({error}); repair or remove it"
        ) from None
    if deep:
        return torch.from_numpy(square_array(_deep(pixels, channels, path), size))
    planes = torch.from_numpy(pixels.reshape(size, size, channels)).permute(2, 0, 1)
    return planes.float() / 127.5 - 1


def _deep(pixels: np.ndarray, channels: int, path: Path) -> np.ndarray:
    """Pixels (H, W) of a greyscale picture of more than 8 bits -> (H, W, 1) in [-1, 1]."""
    if channels != 1:
        raise UserError(
            f"{path}: greyscale of more than 8 bits; data.channels = 1 reads it, not {channels}"
        )
    if pixels.dtype == np.int32:  # Pillow returns some pictures of 16 bits in this type
        least, most = int(pixels.min()), int(pixels.max())
        if least < 0 or most > 65535:
            raise UserError(
                f"{path}: greyscale from {least} to {most}; 16 bits hold 0 to 65535, so rescale it"
            )
        pixels = pixels.astype(np.uint16)
    return in_range(pixels[..., None], path)
