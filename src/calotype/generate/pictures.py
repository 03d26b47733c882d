"""Pictures as tensors <-> images of eight bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_images(pictures: Tensor) -> list[Image.Image]:
    """Pictures (N, C, H, W) in [-1, 1], clamped to that range, as N images of eight bits.

    Three channels are RGB, one is grey; of more the first three are taken, of two the first.
    """
    pixels = ((pictures.float().cpu().clamp(-1, 1) + 1) * 127.5).round().byte()
    coloured = pixels.shape[1] >= 3
    shown = pixels[:, :3].permute(0, 2, 3, 1) if coloured else pixels[:, 0]
    return [Image.fromarray(each) for each in shown.numpy()]


def to_picture(image: Image.Image) -> Tensor:
    """An image of eight bits as a picture (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 127.5 - 1


def difference(one: str | Path | Image.Image, other: Image.Image) -> tuple[int | None, float]:
    """The largest difference of two images of eight bits, and the share of values that differ.

    one: an image or its file. The result is (None, 1) for images of different size.
    """
    if not isinstance(one, Image.Image):
        with Image.open(one) as opened:
            one = opened.convert("RGB")
    if one.size != other.size:
        return None, 1.0
    between = np.abs(np.asarray(one, np.int16) - np.asarray(other.convert("RGB"), np.int16))
    return int(between.max()), float((between > 0).mean())
