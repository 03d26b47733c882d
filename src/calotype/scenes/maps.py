"""Maps: object, shape and ground of each pixel of a picture, from logits, and the losses of these.

The 12 channels of the logits (B, 12, H, W) are: whether the pixel shows an object; its shape, if
so; the ground, if not; and the offset (down, right) to the middle of its object, a regression.
Objects are separated by clustering the predicted middles (after Cheng et al. 2020,
Panoptic-DeepLab, without its heat map).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from calotype.scenes.scene import GROUNDS, SHAPES

WIDTHS = [1, len(SHAPES), len(GROUNDS), 2]  # of object, shape, ground and offset
CHANNELS = sum(WIDTHS)
OFFSET_UNIT = 16.0  # pixels of an offset of 1

# In renderings of 128 x 128 pixels, the distance between the middles of two objects is more than
# 20 pixels, and at least 300 pixels of each object are visible.
REACH = 8  # pixels around an object's middle that contain most predictions of it
APART = 14  # pixels around an object's middle that contain no other middle
FEWEST = 150  # pixels of the smallest object


@dataclass(frozen=True)
class Maps:
    """The maps of B pictures, in the form of a ``Rendering``.

    objects: (B, H, W) int8, 0 for ground, else the number of an object from 1, in any order.
    semantic: (B, H, W) int8, index into ``SEMANTIC_CLASSES``: a shape for an object, else a ground.
    """

    objects: Tensor
    semantic: Tensor


def maps_of(logits: Tensor) -> Maps:
    """The maps predicted by logits (B, 12, 128, 128)."""
    inside, shapes, grounds, offsets = logits.split(WIDTHS, dim=1)
    pairs = zip(inside[:, 0] > 0, offsets, strict=True)
    objects = torch.stack([_separate(mask, offset) for mask, offset in pairs])
    semantic = torch.where(objects > 0, len(GROUNDS) + shapes.argmax(1), grounds.argmax(1))
    return Maps(objects, semantic.to(torch.int8))


def _separate(mask: Tensor, offsets: Tensor) -> Tensor:
    """Number the objects in a mask (H, W) by its pixels' offsets (2, H, W): int8 (H, W).

    Each pixel predicts the middle of its object. The densest clusters of predictions become
    objects, largest first, down to ``FEWEST`` pixels. Each pixel is then assigned to the object
    whose middle is nearest to its prediction.
    """
    middles = (pixel_grid(mask) + offsets * OFFSET_UNIT)[:, mask]  # (2, N)
    left = torch.ones(middles.shape[1], dtype=torch.bool, device=mask.device)
    found: list[Tensor] = []
    while left.sum() >= FEWEST:
        peak = _densest(middles[:, left], mask.shape)
        close = left & _within(middles, peak, REACH)
        if close.sum() < FEWEST:
            break
        found.append(middles[:, close].mean(1, keepdim=True))
        left &= ~_within(middles, found[-1], APART)
    objects = torch.zeros_like(mask, dtype=torch.int8)
    if found:
        distances = (middles[:, None] - torch.stack(found, dim=1)).square().sum(0)
        objects[mask] = (distances.argmin(0) + 1).to(torch.int8)
    return objects


def pixel_grid(mask: Tensor) -> Tensor:
    """Row and column of each pixel of a mask (..., H, W): (2, H, W)."""
    sides = (torch.arange(side, device=mask.device).float() for side in mask.shape[-2:])
    return torch.stack(torch.meshgrid(*sides, indexing="ij"))


def _densest(places: Tensor, shape: torch.Size) -> Tensor:
    """The place (2, 1) with the highest density of places (2, N), N > 0."""
    height, width = shape
    row = places[0].round().clamp(0, height - 1).long()
    column = places[1].round().clamp(0, width - 1).long()
    tally = torch.zeros(height * width, device=places.device)
    tally.index_add_(0, row * width + column, torch.ones_like(places[0]))
    around = tally.view(1, 1, height, width)
    for _ in range(2):  # a flat window applied twice is a triangular one
        around = F.avg_pool2d(around, REACH + 1, 1, padding=REACH // 2)
    best = around.argmax()
    return torch.stack([best // width, best % width]).float()[:, None]


def _within(places: Tensor, peak: Tensor, reach: int) -> Tensor:
    """Whether places (2, N) are within ``reach`` rows and columns of one (2, 1): bool (N,)."""
    return ((places - peak).abs() <= reach).all(0)


def offsets_to_middles(objects: Tensor) -> Tensor:
    """Offsets from each pixel to the mean place of its object's pixels: (B, 2, H, W).

    objects: (B, H, W), as in ``Maps``. Offsets are in ``OFFSET_UNIT``, 0 at pixels of the ground.
    """
    grid = pixel_grid(objects)
    offsets = torch.zeros(len(objects), *grid.shape, device=objects.device)
    for number in range(1, int(objects.max()) + 1):
        mask = (objects == number)[:, None]
        area = mask.sum((2, 3), keepdim=True).clamp(min=1)
        middle = (grid * mask).sum((2, 3), keepdim=True) / area
        offsets = torch.where(mask, (middle - grid) / OFFSET_UNIT, offsets)
    return offsets


def map_losses(logits: Tensor, wanted: Maps) -> dict[str, Tensor]:
    """The mean losses of object, shape, ground and offset, by name; logits: (B, 12, H, W)."""
    inside, shapes, grounds, offsets = logits.float().split(WIDTHS, dim=1)
    mask = wanted.objects > 0
    classes = wanted.semantic.long()
    shape = torch.where(mask, classes - len(GROUNDS), -1)
    ground = torch.where(mask, -1, classes)
    errors = F.smooth_l1_loss(offsets, offsets_to_middles(wanted.objects), reduction="none")
    return {
        "object": F.binary_cross_entropy_with_logits(inside[:, 0], mask.float()),
        "shape": F.cross_entropy(shapes, shape, ignore_index=-1),
        "ground": F.cross_entropy(grounds, ground, ignore_index=-1),
        "offset": (errors * mask[:, None]).sum() / mask.sum().clamp(min=1),
    }
