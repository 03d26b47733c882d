"""The reader: a small network that reads a picture of the built-in world back into a Reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.scenes.camera import away, project
from calotype.scenes.reading import ATTRIBUTES, Reading, Seen
from calotype.scenes.scene import COLOURS, GROUNDS, MATERIALS, SHAPES, SIZES, Scene, SceneObject

SIZE = 128  # pixels of the pictures it reads; others are resized
GRID = 16  # cells of a side
SURE = 0.5  # of an object's presence is enough to see it
LEAST = 0.02  # of a presence in a cell that has a say in it
SAME_COLUMN, SAME_Y = 0.10, 0.6  # half the margins that keep objects apart
VALUES: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": tuple(COLOURS),
    "size": SIZES,
    "material": MATERIALS,
}
WIDTHS = [len(VALUES[name]) for name in ATTRIBUTES]
NEAR = 1.5  # cells around an object's middle that know the object


class Reader(nn.Module):
    """Pictures (B, 3, 128, 128) in [-1, 1] -> cells (B, 19, 16, 16) and grounds (B, 5), as logits.

    Each cell says how much of the middle of an object is its own; near one, also the object's
    shape, colour, size and material, and where its middle's column and its foot's row are, in cells
    from the cell's own centre.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 5, stride=2, padding=2)
        self.fine = nn.Sequential(_Halved(24, 48), _Residual(48))
        self.coarse = nn.Sequential(_Halved(48, 96), _Residual(96), _Residual(96), _Residual(96))
        self.cells = nn.Sequential(_norm(96), nn.SiLU(), nn.Conv2d(96, 1 + sum(WIDTHS) + 2, 1))
        self.ground = nn.Linear(96, len(GROUNDS))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.coarse(self.fine(self.stem(pictures)))
        return self.cells(features), self.ground(F.silu(features).mean((2, 3)))


class _Halved(nn.Module):
    """Half the resolution, more channels."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.conv = nn.Conv2d(channels, wider, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.silu(self.norm(x)))


class _Residual(nn.Module):
    """x + f(x), with two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(channels), _norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(inner)))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(8, channels)


def targets(scenes: Sequence[Scene]) -> Tensor:
    """What the cells should say, (B, 8, 16, 16): presence; indices of shape, colour, size and
    material, -1 where no object is near; offsets of column and foot; the ground's index.

    The presence of an object is 1 in all: shared, as in bilinear interpolation, by the cells whose
    centres surround its middle.
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
    """Column and row of an object's middle and row of its foot, in cells."""
    half = np.array([thing.x, thing.y, thing.height / 2])
    column, row, _ = project(half)
    foot = project(np.array([thing.x, thing.y, 0.0]))[1]
    return column * GRID, row * GRID, foot * GRID


def losses(cells: Tensor, grounds: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """The mean loss of each thing that is read, by name. wanted: as ``targets`` makes it."""
    presence, *attributes, offsets = cells.split([1, *WIDTHS, 2], dim=1)
    found = {
        "presence": F.binary_cross_entropy_with_logits(presence[:, 0], wanted[:, 0]) * GRID,
        "ground": F.cross_entropy(grounds, wanted[:, 7, 0, 0].long()),
    }
    for name, logits, index in zip(ATTRIBUTES, attributes, wanted[:, 1:5].unbind(1), strict=True):
        found[name] = F.cross_entropy(logits, index.long(), ignore_index=-1)
    near = (wanted[:, 1] >= 0)[:, None]
    apart = F.smooth_l1_loss(offsets, wanted[:, 5:7], reduction="none", beta=0.1)
    found["place"] = (apart * near).sum() / near.sum().clamp(min=1)
    return found


@torch.inference_mode()
def read(reader: Reader, pictures: Tensor) -> list[Reading]:
    """What each picture (B, 3, H, W) in [-1, 1] is seen to show."""
    if pictures.shape[-2:] != (SIZE, SIZE):
        pictures = F.interpolate(pictures, (SIZE, SIZE), mode="bilinear", antialias=True)
    cells, grounds = reader(pictures)
    return [
        Reading(_objects(each), GROUNDS[int(ground.argmax())])
        for each, ground in zip(cells.float().cpu(), grounds, strict=True)
    ]


def _objects(cells: Tensor) -> tuple[Seen, ...]:
    """What is seen in the cells (19, 16, 16) of one picture, the surest object first.

    Cells share an object's presence, so that of an object is the sum of those of the cells that
    put theirs in its place.
    """
    here = cells[0].sigmoid()
    found: list[Seen] = []
    sure: list[float] = []
    for place in here.flatten().argsort(descending=True).tolist():
        row, column = divmod(place, GRID)
        probability = here[row, column].item()
        if probability < LEAST:
            break
        seen = _seen(cells[:, row, column], row, column)
        same = (k for k, other in enumerate(found) if not _apart(seen, other))
        known = next(same, None)
        if known is None:
            found.append(seen)
            sure.append(probability)
        else:
            sure[known] += probability
    return tuple(seen for seen, total in zip(found, sure, strict=True) if total >= SURE)


def _apart(first: Seen, second: Seen) -> bool:
    """Whether two objects are too far from each other to be one."""
    aside, behind = (first.column - second.column) / SAME_COLUMN, (first.y - second.y) / SAME_Y
    return aside * aside + behind * behind > 1


def _seen(cell: Tensor, row: int, column: int) -> Seen:
    _, *attributes, offsets = cell.split([1, *WIDTHS, 2])
    said = {
        name: VALUES[name][int(logits.argmax())]
        for name, logits in zip(ATTRIBUTES, attributes, strict=True)
    }
    middle = (column + 0.5 + offsets[0].item()) / GRID
    foot = (row + 0.5 + offsets[1].item()) / GRID
    return Seen(**said, column=middle, y=away(foot))
