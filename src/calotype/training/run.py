"""From settings to a running training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from calotype.errors import UserError
from calotype.training.loop import Progress, fit
from calotype.training.settings import TrainSettings
from calotype.training.sources import Report
from calotype.training.state import checkpoints
from calotype.training.task import Task
from calotype.training.tasks.autoencoder import AutoencoderTask
from calotype.training.tasks.diffusion import DiffusionTask


def train(
    settings: TrainSettings,
    resume: bool = False,
    report: Report = lambda what, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Run a training; yields its progress after every step.

    resume: go on from the newest checkpoint in ``settings.out``; without it a folder that holds a
        run is refused, so that none is overwritten.
    report: told about preparations (pictures rendered, latents encoded).
    should_stop: asked after every step; True saves a checkpoint and ends the run.
    """
    checkpoint = _checkpoint(settings.out, resume)
    _require_device(settings.loop.device)
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / "settings.json").write_text(settings.model_dump_json(indent=2) + "\n")
    yield from fit(make_task(settings, report), settings, checkpoint, should_stop)


def make_task(settings: TrainSettings, report: Report) -> Task:
    """The task that the settings name."""
    if settings.task == "autoencoder":
        return AutoencoderTask(settings, report)
    return DiffusionTask(settings, report)


def _require_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):  # what torch raises differs by device
        raise UserError(f"loop.device: {name} is not on this machine; cpu always is") from None


def _checkpoint(out: Path, resume: bool) -> Path | None:
    found = checkpoints(out)
    if resume and not found:
        raise UserError(f"--resume: {out} holds no checkpoint; leave --resume out to start anew")
    if found and not resume:
        raise UserError(
            f"out: {out} already holds a run; add --resume to go on with it, or name another folder"
        )
    return found[-1] if resume else None
