"""train: from settings to a running training, new or resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import torch

from calotype.checkpoints.files import clear_leftovers, write_atomically
from calotype.errors import UserError
from calotype.training.loop import TrainProgress, fit
from calotype.training.resume import (
    FROZEN,
    newest_whole,
    note_other_pictures,
    require_same_frozen,
    require_same_network,
    require_same_run,
)
from calotype.training.run_settings import Precision
from calotype.training.settings import TrainSettings
from calotype.training.sources import ReportProgress
from calotype.training.state import load_state, set_aside
from calotype.training.task import Task


def train(
    settings: TrainSettings,
    resume: bool = False,
    report: ReportProgress = lambda what, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[TrainProgress]:
    """Run a training; yields its progress after every step.

    resume: go on from the newest whole checkpoint in ``settings.out``; without it a folder that
        holds a run is refused, so that none is overwritten.
    report: called with the progress of preparations (pictures rendered, latents encoded).
    should_stop: called after every step; True saves a checkpoint and ends the run.
    note: called with what a person should know, as of a checkpoint that is not whole.
    """
    checkpoint, torn = newest_whole(settings.out, resume)
    _require_device(settings.loop.device)
    settings = _with_precision(settings)
    if checkpoint:
        require_same_run(settings, int(checkpoint.stem), note)
    task = _prepared(settings, report)
    for remark in task.remarks:
        note(remark)
    if checkpoint:
        require_same_frozen(settings.out, task.frozen)
        state = load_state(checkpoint)
        require_same_network(state.weights, task.network.state_dict())
        note_other_pictures(state.pictures, len(task.source), note)
    for path, error in torn:
        note(f"{error}; going on from the checkpoint before it")
        set_aside(path)
    for place in (".", "checkpoints", "previews", "model"):
        clear_leftovers(settings.out / place)
    if checkpoint and int(checkpoint.stem) == settings.loop.samples:
        note("the run is finished: nothing is left to train")
    else:
        with write_atomically(settings.out / "settings.json") as temporary:
            temporary.write_text(settings.model_dump_json(indent=2) + "\n")
    with write_atomically(settings.out / FROZEN) as temporary:
        temporary.write_text(json.dumps(dict(task.frozen), indent=2) + "\n")
    yield from fit(task, settings, checkpoint, should_stop)


def _prepared(settings: TrainSettings, report: ReportProgress) -> Task:
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


def make_task(settings: TrainSettings, report: ReportProgress) -> Task:
    """The task that the settings name."""
    return settings.task.make(settings, report)


def _require_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):  # what torch raises differs by device
        raise UserError(f"loop.device: {name} is not on this machine; cpu always is") from None


def _with_precision(settings: TrainSettings) -> TrainSettings:
    """The settings with the arithmetic that "auto" means on this machine."""
    loop = settings.loop
    bf16 = _computes_in_bf16(loop.precision, torch.device(loop.device))
    chosen = loop.model_copy(update={"precision": "bf16" if bf16 else "fp32"})
    return settings.model_copy(update={"loop": chosen})


def _computes_in_bf16(precision: Precision, device: torch.device) -> bool:
    """Whether autocast to bf16 is on: where it is asked for, or, for "auto", where it is fast.

    A CPU without bf16 instructions emulates them, some twenty times slower than its fp32.
    """
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
