"""The reader: a small network that reads a picture of the built-in world back into a Reading."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.scenes.blocks import Downsample, ResidualBlock, group_norm, resize
from calotype.scenes.camera import ground_y
from calotype.scenes.cells import CHANNELS, GRID, VALUES, WIDTHS
from calotype.scenes.reading import ATTRIBUTES, Reading, Seen
from calotype.scenes.scene import GROUNDS

SIZE = 128  # pixels of each side of the input; other pictures are resized
SURE = 0.5  # total presence of an object from which it counts as seen
LEAST = 0.02  # smallest presence of a cell that contributes to an object
SAME_COLUMN, SAME_Y = 0.10, 0.6  # half the margins between objects: predictions within are one


class Reader(nn.Module):
    """Pictures (B, 3, 128, 128) in [-1, 1] -> cells (B, 19, 16, 16) and grounds (B, 5), as logits.

    ``calotype.scenes.cells`` describes the channels of cells.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 5, stride=2, padding=2)
        self.fine = nn.Sequential(Downsample(24, 48), ResidualBlock(48))
        self.coarse = nn.Sequential(
            Downsample(48, 96), ResidualBlock(96), ResidualBlock(96), ResidualBlock(96)
        )
        self.cells = nn.Sequential(group_norm(96), nn.SiLU(), nn.Conv2d(96, CHANNELS, 1))
        self.ground = nn.Linear(96, len(GROUNDS))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.coarse(self.fine(self.stem(pictures)))
        return self.cells(features), self.ground(_pooled(features))

    @torch.inference_mode()
    def features(self, pictures: Tensor) -> Tensor:
        """Features (B, 96) of pictures (B, 3, H, W): the input of the last layer."""
        return _pooled(self.coarse(self.fine(self.stem(resize(pictures, SIZE)))))


def _pooled(features: Tensor) -> Tensor:
    return F.silu(features).mean((2, 3))


@torch.inference_mode()
def read(reader: Reader, pictures: Tensor) -> list[Reading]:
    """The reading of each picture (B, 3, H, W) in [-1, 1]."""
    cells, grounds = reader(resize(pictures, SIZE))
    return [
        Reading(_objects(each), GROUNDS[int(ground.argmax())])
        for each, ground in zip(cells.float().cpu(), grounds, strict=True)
    ]


def _objects(cells: Tensor) -> tuple[Seen, ...]:
    """The objects in the cells (19, 16, 16) of one picture, in the order of their largest presence.

    Cells share the presence of an object: its total is the sum over the cells that predict an
    object at the same place.
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
    """Whether two predictions are too far from each other to be one object."""
    aside, behind = (first.column - second.column) / SAME_COLUMN, (first.y - second.y) / SAME_Y
    return aside * aside + behind * behind > 1


def _seen(cell: Tensor, row: int, column: int) -> Seen:
    _, *attributes, offsets = cell.split([1, *WIDTHS, 2])
    values = {
        name: VALUES[name][int(logits.argmax())]
        for name, logits in zip(ATTRIBUTES, attributes, strict=True)
    }
    middle = (column + 0.5 + offsets[0].item()) / GRID
    foot = (row + 0.5 + offsets[1].item()) / GRID
    return Seen(**values, column=middle, y=ground_y(foot))
