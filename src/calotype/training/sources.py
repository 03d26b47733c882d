"""From the data settings of a run to its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from calotype.autoencoder import FirstStage
from calotype.data import CachedSource, FolderSource, Source, table
from calotype.errors import UserError
from calotype.scenes import Scene, SceneSource
from calotype.scenes.cells import targets
from calotype.training.settings import DataSettings, TrainSettings

ReportProgress = Callable[[str, int, int], None]
"""(what is being prepared, done, total) -> None."""


def open_source(settings: DataSettings, factor: int, report: ReportProgress) -> Source:
    """The pictures that the settings name, kept in ``cache`` once computed where that is given.

    factor: pixels of a latent's side; UserError if the pictures' side is no multiple of it.
    """
    if settings.size % factor:
        raise UserError(f"data.size = {settings.size}: must be a multiple of {factor}")
    if settings.source == "scenes":
        source: Source = scenes_of(settings)
    else:
        source = FolderSource(Path(settings.source), settings.size, settings.channels)
    if settings.cache is None:
        return source
    return CachedSource(source, settings.cache, lambda done, total: report("pictures", done, total))


def scenes_of(settings: DataSettings) -> SceneSource:
    """The scenes that the settings name; UserError unless in three channels."""
    if settings.channels != 3:
        raise UserError(
            f"data.channels = {settings.channels}: scenes have 3; others need a folder of pictures"
        )
    return SceneSource(
        seed=settings.seed,
        count=settings.count,
        size=settings.size,
        objects=settings.objects,
        split=settings.split,
        object_weight=settings.object_weight,
        plain=settings.plain_captions,
    )


def spread(count: int, most: int) -> range:
    """At most so many of ``count`` indices, from the first on in equal steps."""
    return range(0, count, max(1, -(-count // most)))


def require_channels(autoencoder: FirstStage, channels: int, key: str) -> None:
    """UserError, of the setting ``key``, unless an autoencoder takes pictures of these channels."""
    takes, makes = autoencoder.config.in_channels, autoencoder.config.out_channels
    if makes != takes:
        raise UserError(f"{key}: takes pictures of {takes} channels and makes such of {makes}")
    if takes != channels:
        raise UserError(f"{key}: its pictures have {takes} channels; data.channels = {channels}")


CHUNK = 64  # scenes at a time


def scene_table(
    settings: TrainSettings,
    what: str,
    of: Callable[[Sequence[Scene]], Tensor],
    report: ReportProgress,
) -> np.memmap:
    """What ``of`` says of each of a run's scenes, (count, ...) in fp16; kept beside its pictures.

    what: names it, with a number to raise when it changes.
    """
    data, scenes = settings.data, scenes_of(settings.data)

    def rows(start: int, stop: int) -> np.ndarray:
        return of([scenes.scene(index) for index in range(start, stop)]).half().numpy()

    def chunks(start: int) -> Iterator[np.ndarray]:
        for first in range(start, data.count, CHUNK):
            yield rows(first, min(first + CHUNK, data.count))

    return table(
        data.cache or settings.out / "cache",
        f"{what} of {scenes.key}",
        data.count,
        rows(0, 1).shape[1:],
        "float16",
        chunks,
        lambda done, total: report(what.rstrip("0123456789 "), done, total),
    )


READINGS = 1  # raise when ``targets`` changes, so that caches know


def reading_table(settings: TrainSettings, report: ReportProgress) -> np.memmap:
    """What cells should say of each of a run's scenes, (count, 8, 16, 16) in fp16."""
    return scene_table(settings, f"readings {READINGS}", targets, report)
