"""Tables of what is known about each scene of a run, computed once and kept beside its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from calotype.data import table
from calotype.errors import UserError
from calotype.scenes import Scene, ScenesData
from calotype.scenes.cells import targets
from calotype.source import SourceSettings
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress

CHUNK = 64  # scenes at a time
READINGS = 1  # raise when ``targets`` changes, so that caches know


@dataclass(frozen=True, eq=False)
class SceneTable:
    """Indices of B scenes -> their rows, (B, ...) in float32.

    rows: mapped from a file, (count, ...) in fp16.
    """

    rows: np.memmap

    def __call__(self, indices: Sequence[int]) -> Tensor:
        return torch.from_numpy(self.rows[list(indices)]).float()


def require_scenes(data: SourceSettings, what: str) -> ScenesData:
    """The settings of scenes; UserError, of ``what`` needs them, if the source is another."""
    if not isinstance(data, ScenesData):
        raise UserError(
            f'{what} needs data.source = "scenes": of others it isn\'t known what is in'
        )
    return data


def scene_table(
    settings: RunSettings,
    data: ScenesData,
    what: str,
    describe: Callable[[Sequence[Scene]], Tensor],
    report: ReportProgress,
) -> SceneTable:
    """What ``describe`` says of each of a run's scenes, (count, ...), kept in fp16.

    what: names it, with a number to raise when it changes.
    """
    scenes = data.open()

    def rows(start: int, stop: int) -> np.ndarray:
        return describe([scenes.scene(index) for index in range(start, stop)]).half().numpy()

    def chunks(start: int) -> Iterator[np.ndarray]:
        for first in range(start, data.count, CHUNK):
            yield rows(first, min(first + CHUNK, data.count))

    found = table(
        data.cache or settings.out / "cache",
        f"{what} of {scenes.key}",
        data.count,
        rows(0, 1).shape[1:],
        "float16",
        chunks,
        lambda done, total: report(what.rstrip("0123456789 "), done, total),
    )
    return SceneTable(found)


def cell_table(settings: RunSettings, data: ScenesData, report: ReportProgress) -> SceneTable:
    """What the cells of each of a run's scenes should say, (count, 8, 16, 16)."""
    return scene_table(settings, data, f"readings {READINGS}", targets, report)
