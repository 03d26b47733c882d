"""Intersection over union: how well the maps of pictures agree with the true ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def object_ious(found: Tensor, wanted: Tensor) -> list[float]:
    """IoU of each object of two maps (H, W), matched one to one, the best pair first.

    The maps hold 0 for ground, else an object's number; which number is no matter. An object of
    either map without a partner that it overlaps counts 0, once.
    """
    numbers = [[n for n in each.unique().tolist() if n] for each in (found, wanted)]
    pairs = sorted(
        (
            (iou(found == one, wanted == other), one, other)
            for one in numbers[0]
            for other in numbers[1]
        ),
        reverse=True,
    )
    matched: dict[int, int] = {}
    ious: list[float] = []
    for value, one, other in pairs:
        if value > 0 and one not in matched and other not in matched.values():
            matched[one] = other
            ious.append(value)
    alone = sum(len(each) for each in numbers) - 2 * len(matched)
    return ious + [0.0] * alone


def class_ious(found: Tensor, wanted: Tensor, classes: Sequence[int]) -> dict[int, float]:
    """IoU of each class that occurs, over the pixels of all pictures together: (B, H, W) each."""
    shared = {number: (found == number, wanted == number) for number in classes}
    return {number: iou(*masks) for number, masks in shared.items() if torch.stack(masks).any()}


def iou(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two masks, not both of them empty."""
    return ((one & other).sum() / (one | other).sum()).item()
