"""Cells: a scene as targets on a 16 x 16 grid over its picture, and the losses of predictions.

The target of each cell is the presence of an object's middle in it. Near an object the targets are
also its shape, colour, size and material, and two offsets from the cell's centre, in cells: to the
column of the object's middle and to the row of its foot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from calotype.scenes.camera import project
from calotype.scenes.reading import ATTRIBUTES
from calotype.scenes.scene import COLOURS, GROUNDS, MATERIALS, SHAPES, SIZES, Scene, SceneObject

GRID = 16  # cells along each side
VALUES: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": tuple(COLOURS),
    "size": SIZES,
    "material": MATERIALS,
}
WIDTHS = [len(VALUES[name]) for name in ATTRIBUTES]
CHANNELS = 1 + sum(WIDTHS) + 2  # logits of a cell: presence, attributes, offsets
NEAR = 1.5  # cells: largest distance from an object's middle at which a cell has its attributes


def targets(scenes: Sequence[Scene]) -> Tensor:
    """Targets (B, 8, 16, 16): presence; indices of shape, colour, size and material, -1 where no
    object is near; offsets of column and foot; the ground's index.

    The presences of an object add up to 1: the cells whose centres surround its middle share it
    with the weights of bilinear interpolation.
    """
    rows = torch.zeros(len(scenes), 8, GRID, GRID)
    rows[:, 1:5] = -1
    for row, scene in zip(rows, scenes, strict=True):
        row[7] = GROUNDS.index(scene.ground.kind)
        places = torch.from_numpy(np.array([_place(thing) for thing in scene.objects]))
        centres = torch.arange(GRID) + 0.5
        across, down = (
            places[:, 0, None, None] - centres,
            places[:, 1, None, None] - centres[:, None],
        )
        reach = torch.maximum(across.abs(), down.abs())
        for number, thing in enumerate(scene.objects):
            nearest = reach.argmin(0) == number
            near = nearest & (reach[number] <= NEAR)
            share = (1 - across[number].abs()).clamp(min=0), (1 - down[number].abs()).clamp(min=0)
            row[0] += share[0] * share[1]
            for index, name in enumerate(ATTRIBUTES, start=1):
                row[index][near] = VALUES[name].index(getattr(thing, name))
            row[5][near] = across[number].expand(GRID, GRID)[near].float()
            foot = places[number, 2] - centres[:, None]
            row[6][near] = foot.expand(GRID, GRID)[near].float()
    rows[:, 0].clamp_(max=1)
    return rows


def _place(thing: SceneObject) -> tuple[float, float, float]:
    """Column and row of an object's middle, and row of its foot, in cells."""
    middle = np.array([thing.x, thing.y, thing.height / 2])
    column, row, _ = project(middle)
    foot = project(np.array([thing.x, thing.y, 0.0]))[1]
    return column * GRID, row * GRID, foot * GRID


def losses(cells: Tensor, grounds: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """The mean losses of presence, ground, each attribute and place, by name.

    cells: logits (B, CHANNELS, 16, 16). grounds: logits (B, 5). wanted: as of ``targets``.
    """
    presence, *attributes, offsets = cells.split([1, *WIDTHS, 2], dim=1)
    found = {
        "presence": F.binary_cross_entropy_with_logits(presence[:, 0], wanted[:, 0]) * GRID,
        "ground": F.cross_entropy(grounds, wanted[:, 7, 0, 0].long()),
    }
    for name, logits, index in zip(ATTRIBUTES, attributes, wanted[:, 1:5].unbind(1), strict=True):
        found[name] = F.cross_entropy(logits, index.long(), ignore_index=-1)
    near = (wanted[:, 1] >= 0)[:, None]
    errors = F.smooth_l1_loss(offsets, wanted[:, 5:7], reduction="none", beta=0.1)
    found["place"] = (errors * near).sum() / near.sum().clamp(min=1)
    return found
