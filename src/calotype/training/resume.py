"""What a resumed run goes on from, and whether its settings allow it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from calotype.checkpoints.files import read_json
from calotype.errors import NotWhole, UserError
from calotype.settings import identity, validated
from calotype.training.settings import TrainSettings
from calotype.training.state import checkpoints, load_state

FROZEN = "frozen.json"  # in a run's folder


def require_same_run(settings: TrainSettings, seen: int, note: Callable[[str], None]) -> None:
    """UserError if a resumed run's pictures, networks or length can't be those of its settings.

    seen: samples the run has seen. note: called with a sentence if the arithmetic is another.
    """
    if settings.loop.samples < seen:
        raise UserError(
            f"loop.samples = {settings.loop.samples}: the run has seen {seen:,} already"
        )
    path = settings.out / "settings.json"
    begun = settings_in(path)
    if begun.loop.precision != settings.loop.precision:
        note(f"loop.precision was {begun.loop.precision} and is {settings.loop.precision} now")
    was = identity(begun)
    for key, now in identity(settings).items():
        if was.get(key) != now:
            raise UserError(
                f"{key} was {json.dumps(was.get(key))} in {path} and is {json.dumps(now)} now; a "
                "resumed run keeps it: leave it as it was, or start a run in another folder"
            )


def settings_in(path: Path) -> TrainSettings:
    """The settings that a run wrote down; keys that are newer than the run have their defaults."""
    return validated(TrainSettings, read_json(path), where=f"{path}: ")


def newest_whole(out: Path, resume: bool) -> tuple[Path | None, list[tuple[Path, UserError]]]:
    """The checkpoint that a resumed run goes on from, None for a new run; and newer broken ones."""
    found = checkpoints(out)
    if resume and not found:
        raise UserError(f"out: {out} holds no checkpoint to resume; start the run anew")
    if found and not resume:
        raise UserError(f"out: {out} already holds a run; resume it, or name another folder")
    torn: list[tuple[Path, UserError]] = []
    for path in reversed(found):
        try:
            load_state(path)
        except NotWhole as error:
            torn.append((path, error))
        else:
            return path, torn
    if torn:
        raise UserError(f"{torn[-1][1]}; no checkpoint in {out} is whole: start in another folder")
    return None, []


def require_same_network(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """UserError unless a checkpoint's weights have the names and shapes of the network's."""
    names = sorted(found.keys() | wanted.keys())
    shapes = (
        (name, *(w[name].shape if name in w else None for w in (found, wanted))) for name in names
    )
    for name, there, here in shapes:
        if there != here:
            raise UserError(
                f"the run's checkpoint is of another network than these settings make "
                f'("{name}": {_shape(there)} there, {_shape(here)} here); '
                "take the settings that the run began with"
            )


def require_same_frozen(out: Path, frozen: Mapping[str, str]) -> None:
    """UserError if a frozen network of a resumed run is another than when the run began.

    frozen: digests of the networks that it does not train, by the setting that names each; the
    first ones are in the run's folder.
    """
    path = out / FROZEN
    kept = read_json(path) if path.exists() else {}  # older runs have none
    for key, now in frozen.items():
        if kept.get(key, now) != now:
            raise UserError(
                f"{key} holds another network than when the run began; put the first one "
                "back, or start a run in another folder"
            )


def note_other_pictures(then: int | None, now: int, note: Callable[[str], None]) -> None:
    """Call ``note`` if a run's checkpoint learned from another number of pictures than there are.

    then: None in checkpoints of older versions.
    """
    if then not in (None, now):
        note(
            f"the run's checkpoint knew {then:,} pictures, {now:,} are there now: what follows is "
            "not as it would have been"
        )


def _shape(shape: torch.Size | None) -> str:
    return "none" if shape is None else str(tuple(shape))
