"""What is done to a picture between its file and the network."""

import numpy as np
from PIL import Image


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of a picture, resized to (size, size) without aliasing."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)


def square_array(picture: np.ndarray, size: int) -> np.ndarray:
    """The same of a float32 picture (H, W, C) in [-1, 1], each channel by itself: (C, size, size).

    The filter overshoots at edges; what leaves [-1, 1] is cut, as 8 bits would cut it.
    """
    planes = [
        square(Image.fromarray(np.ascontiguousarray(picture[..., channel])), size)
        for channel in range(picture.shape[2])
    ]
    return np.stack([np.asarray(plane) for plane in planes]).clip(-1, 1)
