"""From the data settings of a run to its pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from calotype.data import CachedSource, FolderSource, Source
from calotype.errors import UserError
from calotype.scenes import SceneSource
from calotype.training.settings import DataSettings

Report = Callable[[str, int, int], None]
"""(what is being prepared, done, total) -> None."""


def open_source(settings: DataSettings, factor: int, report: Report) -> Source:
    """The pictures that the settings name, kept in ``cache`` once computed where that is given.

    factor: pixels of a latent's side; UserError if the pictures' side is no multiple of it.
    """
    if settings.size % factor:
        raise UserError(f"data.size = {settings.size}: must be a multiple of {factor}")
    if settings.source == "scenes":
        source: Source = scenes_of(settings)
    else:
        source = FolderSource(Path(settings.source), settings.size)
    if settings.cache is None:
        return source
    return CachedSource(source, settings.cache, lambda done, total: report("pictures", done, total))


def scenes_of(settings: DataSettings) -> SceneSource:
    """The scenes that the settings name."""
    return SceneSource(
        seed=settings.seed,
        count=settings.count,
        size=settings.size,
        objects=settings.objects,
        split=settings.split,
        object_weight=settings.object_weight,
    )
