"""What a resumed run goes on from, and whether its settings allow it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from calotype.checkpoints.files import read_json
from calotype.errors import NotWhole, UserError
from calotype.settings import explain_error
from calotype.training.settings import TrainSettings
from calotype.training.state import checkpoints, load_state

# What makes a run the run it is: with another of these, going on would be neither run.
IDENTITY = {
    "task": True,
    "seed": True,
    "loop": {"ema_halflife"},
    "data": {"source", "count", "size", "channels", "objects", "seed", "split", "plain_captions"},
    "autoencoder": {"preset", "start", "decoder_only", "codebook", "features", "vgg", "lpips"},
    "text": {"preset", "start", "vocabulary"},
    "diffusion": {
        "preset",
        "start",
        "text",
        "zero_terminal_snr",
        "autoencoder",
        "prediction",
        "vocabulary",
        "supervision_weight",
    },
}


FROZEN = "frozen.json"  # in a run's folder


def require_same_run(settings: TrainSettings, seen: int, note: Callable[[str], None]) -> None:
    """UserError if a resumed run's pictures, networks or length can't be those of its settings.

    seen: samples the run has seen. note: told of another arithmetic.
    """
    if settings.loop.samples < seen:
        raise UserError(
            f"loop.samples = {settings.loop.samples}: the run has seen {seen:,} already"
        )
    path = settings.out / "settings.json"
    kept, now = (
        dict(_flat(each.model_dump(mode="json", include=IDENTITY)))
        for each in (settings_in(path), settings)
    )
    precision = settings_in(path).loop.precision
    if precision != settings.loop.precision:
        note(f"loop.precision was {precision} and is {settings.loop.precision} now")
    for key, value in now.items():
        was = kept.get(key)
        if was != value:
            raise UserError(
                f"--resume: {key} was {json.dumps(was)} in {path} and is {json.dumps(value)} now; "
                f"leave it as it was, or start a run in another folder"
            )


def settings_in(path: Path) -> TrainSettings:
    """The settings that a run wrote down; those that came later have their defaults."""
    try:
        return TrainSettings.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}: {explain_error(error, TrainSettings, '.'.join)}") from None


def _flat(table: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """The (dotted key, value) pairs of nested tables."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield start + key, value


def newest_whole(out: Path, resume: bool) -> tuple[Path | None, list[tuple[Path, UserError]]]:
    """The checkpoint that a resumed run goes on from, None for a new run; and newer broken ones."""
    found = checkpoints(out)
    if resume and not found:
        raise UserError(f"--resume: {out} holds no checkpoint; leave --resume out to start anew")
    if found and not resume:
        raise UserError(
            f"out: {out} already holds a run; add --resume to go on with it, or name another folder"
        )
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
    """UserError if a resumed run would be told by another network than it began with.

    frozen: digests of the networks that it does not train, by the setting that names each; those
    that the run wrote down lie in its folder.
    """
    path = out / FROZEN
    kept = read_json(path) if path.exists() else {}  # a run of before they were written
    for key, now in frozen.items():
        if kept.get(key, now) != now:
            raise UserError(
                f"--resume: {key} holds another network than when the run began; put the first one "
                "back, or start a run in another folder"
            )


def note_other_pictures(then: int | None, now: int, note: Callable[[str], None]) -> None:
    """Tell ``note`` if a run's checkpoint learned from another number of pictures than there are.

    then: None in checkpoints that did not say so yet.
    """
    if then not in (None, now):
        note(
            f"the run's checkpoint knew {then:,} pictures, {now:,} are there now: what follows is "
            "not as it would have been"
        )


def _shape(shape: torch.Size | None) -> str:
    return "none" if shape is None else str(tuple(shape))
