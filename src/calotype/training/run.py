"""From settings to a running training."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from calotype.checkpoints.files import read_json, remove_torn, write_atomically
from calotype.errors import UserError
from calotype.training.loop import Progress, fit
from calotype.training.settings import TrainSettings
from calotype.training.sources import Report
from calotype.training.state import State, checkpoints, load_state, set_aside
from calotype.training.task import Task
from calotype.training.tasks.autoencoder import AutoencoderTask
from calotype.training.tasks.diffusion import DiffusionTask
from calotype.training.tasks.features import FeaturesTask
from calotype.training.tasks.reader import ReaderTask

TASKS: dict[str, Callable[[TrainSettings, Report], Task]] = {
    "autoencoder": AutoencoderTask,
    "diffusion": DiffusionTask,
    "features": FeaturesTask,
    "reader": ReaderTask,
}


def train(
    settings: TrainSettings,
    resume: bool = False,
    report: Report = lambda what, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Progress]:
    """Run a training; yields its progress after every step.

    resume: go on from the newest whole checkpoint in ``settings.out``; without it a folder that
        holds a run is refused, so that none is overwritten.
    report: told about preparations (pictures rendered, latents encoded).
    should_stop: asked after every step; True saves a checkpoint and ends the run.
    note: told what a person should know, as a checkpoint that is not whole.
    """
    state = _state(settings.out, resume, note)
    _require_device(settings.loop.device)
    if state:
        _require_same_run(settings, state.samples)
    task = _prepared(settings, report)
    remove_torn(settings.out)
    with write_atomically(settings.out / "settings.json") as temporary:
        temporary.write_text(settings.model_dump_json(indent=2) + "\n")
    yield from fit(task, settings, state, should_stop)


def _prepared(settings: TrainSettings, report: Report) -> Task:
    """The task, once its folder is there; a mistake in the settings leaves no empty folder."""
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"out = {settings.out}: cannot be written: {error.strerror}") from None
    try:
        return make_task(settings, report)
    except UserError:
        with suppress(OSError):  # a folder that holds anything stays
            settings.out.rmdir()
        raise


def make_task(settings: TrainSettings, report: Report) -> Task:
    """The task that the settings name."""
    return TASKS[settings.task](settings, report)


def _require_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):  # what torch raises differs by device
        raise UserError(f"loop.device: {name} is not on this machine; cpu always is") from None


# What makes a run the run it is: with another of these, going on would be neither run.
IDENTITY = {
    "task": True,
    "seed": True,
    "data": {"source", "count", "size", "objects", "seed", "split"},
    "autoencoder": {"preset", "features"},
    "diffusion": {"preset", "start", "autoencoder", "prediction", "vocabulary"},
}


def _require_same_run(settings: TrainSettings, seen: int) -> None:
    """UserError if a resumed run's pictures, networks or length can't be those of its settings.

    seen: samples the run has seen.
    """
    if settings.loop.samples < seen:
        raise UserError(
            f"loop.samples = {settings.loop.samples}: the run has seen {seen:,} already"
        )
    path = settings.out / "settings.json"
    kept, now = dict(_flat(read_json(path))), settings.model_dump(mode="json", include=IDENTITY)
    for key, value in _flat(now):
        was = kept.get(key, value)  # a setting that came after the run had but one value before
        if was != value:
            raise UserError(
                f"--resume: {key} was {json.dumps(was)} in {path} and is {json.dumps(value)} now; "
                f"leave it as it was, or start a run in another folder"
            )


def _flat(table: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """The (dotted key, value) pairs of nested tables."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield start + key, value


def _state(out: Path, resume: bool, note: Callable[[str], None]) -> State | None:
    """What a resumed run goes on from: its newest checkpoint that is whole; None for a new run."""
    found = checkpoints(out)
    if resume and not found:
        raise UserError(f"--resume: {out} holds no checkpoint; leave --resume out to start anew")
    if found and not resume:
        raise UserError(
            f"out: {out} already holds a run; add --resume to go on with it, or name another folder"
        )
    for path in reversed(found):
        try:
            return load_state(path)
        except UserError as error:
            if path == found[0]:
                raise
            note(f"{error}; going on from the checkpoint before it")
            set_aside(path)
    return None
