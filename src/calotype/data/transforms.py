"""Transforms of a picture between its file and the network: crop and resize."""

import numpy as np
from PIL import Image


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of a picture, resized to (size, size) without aliasing."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)


def square_array(picture: np.ndarray, size: int) -> np.ndarray:
    """``square`` for a float32 picture (H, W, C) in [-1, 1], channel by channel: (C, size, size).

    The filter overshoots at edges; the result is clamped to [-1, 1], as it is with 8 bits.
    """
    planes = [
        square(Image.fromarray(np.ascontiguousarray(picture[..., channel])), size)
        for channel in range(picture.shape[2])
    ]
    return np.stack([np.asarray(plane) for plane in planes]).clip(-1, 1)
