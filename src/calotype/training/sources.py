"""Where the pictures of a run come from: the kinds of sources, opened for a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field

from calotype.autoencoder import FirstStage
from calotype.data import CachedSource, FolderData
from calotype.errors import UserError
from calotype.scenes import ScenesData
from calotype.source import Source, SourceSettings

SourceKind = Annotated[ScenesData | FolderData, Field(discriminator="source")]
"""A recipe's ``[data]``: one of the kinds of sources; another kind is one more alternative here."""

ReportProgress = Callable[[str, int, int], None]
"""(what is being prepared, done, total) -> None."""


def data_from_written(data: Any) -> Any:
    """A recipe's ``[data]`` in the form of ``SourceKind``.

    Without ``source`` it means scenes. Text that names no kind is a folder of pictures; what only
    scenes have is left out then, so that a recipe for scenes takes photographs by one change.
    """
    if not isinstance(data, Mapping):
        return data
    source = data.get("source", "scenes")
    if source in ("scenes", "folder") or not isinstance(source, str):
        return {**data, "source": source}
    scenes_only = ScenesData.model_fields.keys() - FolderData.model_fields.keys()
    if "folder" in data:
        raise UserError(
            f'data.source = "{source}", data.folder = "{data["folder"]}": one folder is expected; '
            'with data.folder, data.source is "folder"'
        )
    kept = {key: value for key, value in data.items() if key not in scenes_only}
    return {**kept, "source": "folder", "folder": source}


def open_source(settings: SourceSettings, factor: int, report: ReportProgress) -> Source:
    """The pictures that the settings name, kept in ``cache`` once computed where that is given.

    factor: pixels of a latent's side; UserError if the pictures' side is no multiple of it.
    """
    if settings.size % factor:
        raise UserError(f"data.size = {settings.size}: must be a multiple of {factor}")
    source = settings.open()
    if settings.cache is None:
        return source
    return CachedSource(source, settings.cache, lambda done, total: report("pictures", done, total))


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
