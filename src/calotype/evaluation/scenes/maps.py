"""Intersection over union (IoU) of maps with the true ones, by object or by class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def object_ious(found: Tensor, wanted: Tensor) -> list[float]:
    """The IoU in [0, 1] of each object of two maps (H, W), matched one to one, best pairs first.

    Maps are integers: 0 for ground, else the number of an object; the numbers need not agree. An
    object of either map that overlaps no unmatched object of the other counts once, with 0.
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
    unmatched = sum(len(each) for each in numbers) - 2 * len(matched)
    return ious + [0.0] * unmatched


def class_ious(found: Tensor, wanted: Tensor, classes: Sequence[int]) -> dict[int, float]:
    """The IoU in [0, 1] of each class that occurs, over all pixels of two maps (B, H, W)."""
    shared = {number: (found == number, wanted == number) for number in classes}
    return {number: iou(*masks) for number, masks in shared.items() if torch.stack(masks).any()}


def iou(one: Tensor, other: Tensor) -> float:
    """The intersection over union of two bool masks of one shape, not both of them empty."""
    return ((one & other).sum() / (one | other).sum()).item()
