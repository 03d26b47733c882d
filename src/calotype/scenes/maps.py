"""Maps: which object, shape and ground each pixel of a picture shows, and how far logits are off.

The logits of a pixel (B, 12, H, W) are: whether it shows an object; which shape, if so; which
ground, if not; and how far down and to the right the middle of its object is (a regression).
Objects are told apart by where their pixels put their middle (after Cheng et al. 2020,
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
OFFSET_UNIT = 16.0  # pixels that an offset of 1 stands for

# In renderings of 128 pixels a side the middles of two objects are more than 20 pixels apart, and
# of none fewer than 300 pixels are seen.
REACH = 8  # pixels from an object's middle within which most of its own put it
APART = 14  # pixels from an object's middle within which there is no other's
FEWEST = 150  # pixels of an object


@dataclass(frozen=True)
class Maps:
    """What each pixel of B pictures is seen to show, in the form of a ``Rendering``.

    objects: (B, H, W) int8, 0 for ground, else the number of an object from 1 on, in any order.
    semantic: (B, H, W) int8, index into ``SEMANTIC_CLASSES``: a shape where there is an object,
        else a ground.
    """

    objects: Tensor
    semantic: Tensor


def maps_of(logits: Tensor) -> Maps:
    """What the logits (B, 12, 128, 128) say."""
    inside, shapes, grounds, offsets = logits.split(WIDTHS, dim=1)
    pairs = zip(inside[:, 0] > 0, offsets, strict=True)
    objects = torch.stack([_separate(mask, offset) for mask, offset in pairs])
    semantic = torch.where(objects > 0, len(GROUNDS) + shapes.argmax(1), grounds.argmax(1))
    return Maps(objects, semantic.to(torch.int8))


def _separate(mask: Tensor, offsets: Tensor) -> Tensor:
    """Number the objects of a mask (H, W), told apart by its pixels' offsets (2, H, W).

    Where many pixels put their middle is an object, first where most do; each pixel is of the
    object whose middle is nearest to its own. Where too few agree there is none.
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
    """Row and column of each pixel of (..., H, W), as (2, H, W)."""
    sides = (torch.arange(side, device=mask.device).float() for side in mask.shape[-2:])
    return torch.stack(torch.meshgrid(*sides, indexing="ij"))


def _densest(places: Tensor, shape: torch.Size) -> Tensor:
    """A place (2, 1) around which most of the places (2, N) lie, N > 0."""
    height, width = shape
    row = places[0].round().clamp(0, height - 1).long()
    column = places[1].round().clamp(0, width - 1).long()
    tally = torch.zeros(height * width, device=places.device)
    tally.index_add_(0, row * width + column, torch.ones_like(places[0]))
    around = tally.view(1, 1, height, width)
    for _ in range(2):  # twice a flat window is a peaked one: its middle weighs most
        around = F.avg_pool2d(around, REACH + 1, 1, padding=REACH // 2)
    best = around.argmax()
    return torch.stack([best // width, best % width]).float()[:, None]


def _within(places: Tensor, peak: Tensor, reach: int) -> Tensor:
    """Which places (2, N) lie within reach, in rows and in columns, of one (2, 1)."""
    return ((places - peak).abs() <= reach).all(0)


def offsets_to_middles(objects: Tensor) -> Tensor:
    """From each pixel to the mean place of its object's pixels, in ``OFFSET_UNIT``: (B, 2, H, W).

    objects: (B, H, W), as in ``Maps``; 0 where it is ground.
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
    """The mean loss of each thing that is read, by name."""
    inside, shapes, grounds, offsets = logits.float().split(WIDTHS, dim=1)
    mask = wanted.objects > 0
    classes = wanted.semantic.long()
    shape = torch.where(mask, classes - len(GROUNDS), -1)
    ground = torch.where(mask, -1, classes)
    apart = F.smooth_l1_loss(offsets, offsets_to_middles(wanted.objects), reduction="none")
    return {
        "object": F.binary_cross_entropy_with_logits(inside[:, 0], mask.float()),
        "shape": F.cross_entropy(shapes, shape, ignore_index=-1),
        "ground": F.cross_entropy(grounds, ground, ignore_index=-1),
        "offset": (apart * mask[:, None]).sum() / mask.sum().clamp(min=1),
    }
