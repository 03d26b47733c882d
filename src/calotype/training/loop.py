"""The one training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from calotype.checkpoints.files import write_atomically
from calotype.data import batches
from calotype.errors import UserError
from calotype.example import Batch
from calotype.training.ema import ExponentialAverage
from calotype.training.journal import Journal
from calotype.training.optimizer import (
    adamw,
    clip,
    optimizer_state,
    rate_at,
    restore_optimizer,
    set_rate,
)
from calotype.training.run_settings import RunSettings
from calotype.training.state import State, load_state, save_state
from calotype.training.task import Task


@dataclass(frozen=True)
class TrainProgress:
    """Where a run stands after a step.

    samples: seen so far. total: of the whole run.
    metrics: the step's losses and norms.
    saved: the checkpoint that was just written, if any.
    """

    samples: int
    total: int
    metrics: dict[str, float]
    saved: Path | None = None


def fit(
    task: Task,
    settings: RunSettings,
    resume: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainProgress]:
    """Train ``task`` from its start, or from the checkpoint ``resume``; yields after every step.

    A step sees ``batch_size * accumulate`` samples; position is counted in samples. Two steps, a
    stop, a resume and two steps are four steps bit for bit, as every draw and every batch is a
    function of seed and position. When ``should_stop`` says so after a step, a checkpoint is
    written and the run ends.
    """
    loop, out = settings.loop, settings.out
    network = task.network.to(loop.device).train()
    groups = task.groups()
    optimizer = adamw(network, groups, settings.optimizer)
    ema = ExponentialAverage(network, loop.ema_halflife)
    samples = _restore(load_state(resume), task, optimizer, ema) if resume else 0
    journal = Journal(out, samples)
    began = time.perf_counter()
    stream = batches(
        task.assemble,
        len(task.source),
        batch_size=loop.batch_size,
        start=samples,
        stop=loop.samples,
        seed=settings.seed,
        workers=settings.data.workers,
    )

    while samples < loop.samples:
        before, samples = samples, min(samples + loop.batch_size * loop.accumulate, loop.samples)
        set_rate(optimizer, rate_at(settings.optimizer, before, loop.samples))
        optimizer.zero_grad(set_to_none=True)
        step = islice(stream, loop.accumulate)
        found = _accumulate(task, step, samples - before, settings)
        metrics = _numbers(found | clip(groups, settings.optimizer.clip), loop.device)
        _refuse_nan(metrics, before)
        optimizer.step()
        ema.update(samples, samples - before)
        journal.write(samples, **metrics)

        ended = samples == loop.samples
        stopping = not ended and should_stop()
        saved = None
        if ended or (not stopping and _crosses_multiple(loop.preview_every, before, samples)):
            with ema.shown():
                _write_preview(task, out / "previews" / f"{samples:010d}.png")
        # The checkpoint comes last, so that a run killed before it makes the preview again.
        if ended or stopping or _crosses_multiple(loop.save_every, before, samples):
            saved = save_state(out, _state(samples, task, optimizer, ema), loop.keep)
            seconds = round(time.perf_counter() - began, 1)
            journal.write_timing(samples, seconds=seconds, threads=torch.get_num_threads())
        yield TrainProgress(samples, loop.samples, metrics, saved)
        if stopping:
            return
    with ema.shown():
        task.export(out / "model")


def _accumulate(
    task: Task, step: Iterator[Batch], size: int, settings: RunSettings
) -> dict[str, Tensor]:
    """Add up the gradients of an optimiser step of ``size`` samples; its losses.

    Each batch counts by its share of the samples, so that gradients and losses are means over all
    of them: those of one batch of that size, if the loss of a sample doesn't depend on the others.
    A metric that only some of the batches report is averaged over those.
    """
    device = torch.device(settings.loop.device).type
    found: dict[str, list[tuple[float, Tensor]]] = {}
    for batch in step:
        share = len(batch) / size
        with torch.autocast(device, torch.bfloat16, enabled=settings.loop.precision == "bf16"):
            loss = task.loss(batch)
        (loss.total if share == 1 else share * loss.total).backward()
        for name, value in {**loss.metrics, "loss": loss.total}.items():
            found.setdefault(name, []).append((share, value.detach()))
    return {name: _mean(values) for name, values in found.items()}


def _mean(values: Sequence[tuple[float, Tensor]]) -> Tensor:
    """The mean of (share, scalar) pairs; a single one as it is, whole numbers too."""
    if len(values) == 1:
        return values[0][1]
    total = sum(share for share, _ in values)
    return torch.stack([share / total * value for share, value in values]).sum()


def _numbers(scalars: Mapping[str, Tensor], device: str) -> dict[str, float]:
    """Scalars by name as Python's numbers, brought from the device in one transfer.

    Those on the CPU (the norm of no gradients is) are moved to the device first, without waiting.
    """
    values = [value.detach().to(device, torch.float32) for value in scalars.values()]
    stacked = torch.stack(values).tolist()
    return {
        name: number if value.is_floating_point() else int(number)
        for (name, value), number in zip(scalars.items(), stacked, strict=True)
    }


def _state(
    samples: int, task: Task, optimizer: torch.optim.Optimizer, ema: ExponentialAverage
) -> State:
    moments = optimizer_state(optimizer, task.network)
    return State(samples, task.network.state_dict(), ema.state(), moments, len(task.source))


def _restore(
    state: State, task: Task, optimizer: torch.optim.Optimizer, ema: ExponentialAverage
) -> int:
    task.network.load_state_dict(dict(state.weights))
    ema.restore(dict(state.ema))
    restore_optimizer(optimizer, task.network, dict(state.optimizer))
    return state.samples


def _crosses_multiple(every: int, before: int, now: int) -> bool:
    """Whether a multiple of ``every`` lies in (before, now]."""
    return now // every > before // every


def _refuse_nan(metrics: dict[str, float], samples: int) -> None:
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if bad:
        raise UserError(
            f"training: {bad[0]} is {metrics[bad[0]]} after {samples} samples; take a smaller "
            "optimizer.rate, and resume the run if it has a checkpoint"
        )


def _write_preview(task: Task, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with write_atomically(path) as temporary:
        task.preview().save(temporary, format="PNG")
