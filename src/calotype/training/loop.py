"""The one training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from calotype.checkpoints.files import write_atomically
from calotype.data import batches
from calotype.errors import UserError
from calotype.example import Batch
from calotype.training.ema import ExponentialAverage
from calotype.training.journal import Journal
from calotype.training.optimizer import adamw, optimizer_state, rate_at, restore_optimizer
from calotype.training.settings import TrainSettings
from calotype.training.state import State, load_state, save_state
from calotype.training.task import Task


@dataclass(frozen=True)
class TrainProgress:
    """Where a run stands after a step.

    samples, total: seen and to see.
    metrics: the step's losses and norms.
    saved: the checkpoint that was just written, if any.
    """

    samples: int
    total: int
    metrics: dict[str, float]
    saved: Path | None = None


def fit(
    task: Task,
    settings: TrainSettings,
    resume: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainProgress]:
    """Train ``task`` from its start, or from the checkpoint ``resume``; yields after every step.

    Position is counted in samples seen. Two steps, a stop, a resume and two steps are four steps
    bit for bit, as every draw and every batch is a function of seed and position. When
    ``should_stop`` says so after a step, a checkpoint is written and the run ends.
    """
    loop, out = settings.loop, settings.out
    network = task.network.to(loop.device).train()
    optimizer = adamw(network, settings.optimizer, task.shares)
    ema = ExponentialAverage(network, loop.ema_halflife)
    samples = _restore(load_state(resume), task, optimizer, ema) if resume else 0
    journal = Journal(out, samples)
    began = time.perf_counter()

    for batch in batches(
        task.assemble,
        len(task.source),
        batch_size=loop.batch_size,
        start=samples,
        stop=loop.samples,
        seed=settings.seed,
        workers=settings.data.workers,
    ):
        before, samples = samples, samples + len(batch.captions)
        metrics = _step(task, batch, settings, optimizer, before)
        ema.update(samples, len(batch.captions))
        journal.write(samples, **metrics)

        ended = samples == loop.samples
        stopping = not ended and should_stop()
        saved = None
        if ended or (not stopping and _passed(loop.preview_every, before, samples)):
            with ema.shown():
                _write_preview(task, out / "previews" / f"{samples:010d}.png")
        # The checkpoint comes last: what a run that was killed before it left out is made again.
        if ended or stopping or _passed(loop.save_every, before, samples):
            moments = optimizer_state(optimizer, network)
            count = len(task.source)
            now = State(samples, network.state_dict(), ema.state(), moments, count)
            saved = save_state(out, now, loop.keep)
            seconds = round(time.perf_counter() - began, 1)
            journal.write_timing(samples, seconds=seconds, threads=torch.get_num_threads())
        yield TrainProgress(samples, loop.samples, metrics, saved)
        if stopping:
            return
    with ema.shown():
        task.export(out / "model")


def _step(
    task: Task,
    batch: Batch,
    settings: TrainSettings,
    optimizer: torch.optim.Optimizer,
    before: int,
) -> dict[str, float]:
    """One optimiser step on a batch that begins after ``before`` samples; its losses and norms."""
    rate = rate_at(settings.optimizer, before, settings.loop.samples)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]
    device = torch.device(settings.loop.device).type
    with torch.autocast(device, torch.bfloat16, enabled=settings.loop.precision == "bf16"):
        loss = task.loss(batch)
    optimizer.zero_grad(set_to_none=True)
    loss.total.backward()
    norms = _clip(task.network, loss.adversary, settings.optimizer.clip)
    scalars = loss.metrics | {"loss": loss.total} | norms
    metrics = {name: value.item() for name, value in scalars.items()}
    _refuse_nan(metrics, before)
    optimizer.step()
    return metrics


def _clip(network: nn.Module, adversary: nn.Module | None, most: float) -> dict[str, Tensor]:
    """Shorten the gradients to ``most``, an adversary's apart; their norms before."""
    theirs = list(adversary.parameters()) if adversary else []
    apart = set(theirs)
    others = [parameter for parameter in network.parameters() if parameter not in apart]
    found = {"gradient_norm": clip_grad_norm_(others, most)}
    if theirs:
        found["adversary_norm"] = clip_grad_norm_(theirs, most)
    return found


def _restore(
    state: State, task: Task, optimizer: torch.optim.Optimizer, ema: ExponentialAverage
) -> int:
    task.network.load_state_dict(dict(state.weights))
    ema.restore(dict(state.ema))
    restore_optimizer(optimizer, task.network, dict(state.optimizer))
    return state.samples


def _passed(every: int, before: int, now: int) -> bool:
    """Whether a multiple of ``every`` lies in (before, now]."""
    return now // every > before // every


def _refuse_nan(metrics: dict[str, float], samples: int) -> None:
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if bad:
        raise UserError(
            f"training: {bad[0]} is {metrics[bad[0]]} after {samples} samples; take a smaller "
            "optimizer.rate, and --resume if a checkpoint was written"
        )


def _write_preview(task: Task, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with write_atomically(path) as temporary:
        task.preview().save(temporary, format="PNG")
