"""What is done to a picture between its file and the network."""

from PIL import Image


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of a picture, resized to (size, size) without aliasing."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)
