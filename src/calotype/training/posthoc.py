"""The running average of another half-life, put together from a run's checkpoints when it is over.

Karras et al. 2024 ("Analyzing and improving the training dynamics of diffusion models", section 3):
averages that were kept after some steps, mixed so that the weights of each step have as nearly as
possible the part in the sum that they would have in the average asked for. There two averages by
power functions are kept; here the one that every run keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from calotype.errors import NotWhole, UserError
from calotype.training.ema import decay
from calotype.training.journal import positions
from calotype.training.resume import note_other_pictures, require_same_network, settings_in
from calotype.training.run import make_task
from calotype.training.sources import ReportProgress
from calotype.training.state import State, checkpoints, load_state

Profile = NDArray[np.float64]
"""(steps + 1,): the part of the weights before the first step, then of those after each; sum 1."""


def kept_profile(halflife: int, seen: Sequence[int]) -> Profile:
    """The profile of the average that a run keeps, after its last step.

    seen: samples after each step.
    """
    steps = zip(seen, np.diff([0, *seen]), strict=True)
    shares = np.array([decay(halflife, samples, int(size)) for samples, size in steps])
    after = np.append(np.cumprod(shares[::-1])[::-1], 1.0)  # the share that later steps leave
    return np.append(1.0, 1 - shares) * after


def target_profile(halflife: int, seen: Sequence[int]) -> Profile:
    """The profile of an average in which weights ``halflife`` samples earlier count half.

    From the first step on: without the shortening by which a run forgets its start, so that it can
    be longer than a twentieth of the run. The weights before the first step have no part.
    """
    parts = np.diff([0, *seen]) * 0.5 ** ((seen[-1] - np.array(seen)) / halflife)
    return np.append(0.0, parts / parts.sum())


@dataclass(frozen=True)
class Mixture:
    """How much of each kept average to take.

    factors: one for each; they add up to 1.
    misfit: how far the profile is from the one asked for, relative to this (Euclidean norms).
    """

    factors: NDArray[np.float64]
    misfit: float


def mixture(kept: int, halflife: int, seen: Sequence[int], steps: Sequence[int]) -> Mixture:
    """The nearest to the average of ``halflife`` by averages of half-life ``kept``.

    steps: after how many steps each of them was kept.
    """
    profiles = np.zeros((len(seen) + 1, len(steps)))
    for column, step in enumerate(steps):
        profiles[: step + 1, column] = kept_profile(kept, seen[:step])
    target = target_profile(halflife, seen)
    # The last factor is what the others leave of 1.
    last = profiles[:, -1:]
    others, *_ = np.linalg.lstsq(profiles[:, :-1] - last, target - last[:, 0], rcond=None)
    factors = np.append(others, 1 - others.sum()).astype(np.float64)
    missed = np.linalg.norm(profiles @ factors - target) / np.linalg.norm(target)
    return Mixture(factors, float(missed))


def export_average(
    run: Path, halflife: int, folder: Path, report: ReportProgress, note: Callable[[str], None]
) -> float:
    """Write a run's model with the average of another half-life; returns the misfit.

    halflife: in samples. The run's data must still be where it was. report: called
    with the progress of preparations. note: called with a sentence about checkpoints that are not
    whole and about other pictures. UserError for what is no run, and for an average that its
    checkpoints can't give.
    """
    settings = settings_in(run / "settings.json")
    found = _whole_states(run, note)
    at, seen = [state.samples for state in found], positions(run)
    seen = seen[: seen.index(at[-1]) + 1] if at[-1] in seen else seen
    if not set(at) <= set(seen):
        raise UserError(f"{run / 'journal.jsonl'}: lacks steps up to the checkpoints")
    steps = [seen.index(samples) + 1 for samples in at]
    mixed = mixture(settings.loop.ema_halflife, halflife, seen, steps)
    if mixed.misfit >= 1:  # as far as no average at all
        kept = ", ".join(f"{samples:,}" for samples in at)
        raise UserError(
            f"halflife = {halflife}: nothing near that average can be made from what {run} "
            f"keeps, checkpoints after {kept} samples; let a run keep more (loop.keep, "
            "loop.save_every), or take another length"
        )
    loop = settings.loop.model_copy(update={"device": "cpu"})
    task = make_task(settings.model_copy(update={"out": run, "loop": loop}), report)
    require_same_network(found[-1].weights, task.network.state_dict())
    note_other_pictures(found[-1].pictures, len(task.source), note)
    task.network.load_state_dict({**found[-1].weights, **_mixed(found, mixed)})
    task.network.eval()
    task.export(folder)
    return mixed.misfit


def _whole_states(run: Path, note: Callable[[str], None]) -> list[State]:
    """The states of a run in its whole checkpoints, oldest first; their tensors are mapped."""
    found: list[State] = []
    for path in checkpoints(run):
        try:
            found.append(load_state(path))
        except NotWhole as error:
            note(f"{error}; left out")
    if not found:
        raise UserError(f"{run}: holds no whole checkpoint of a run")
    return found


def _mixed(states: Sequence[State], mixed: Mixture) -> dict[str, Tensor]:
    """The averages of checkpoints, each times its factor, added up."""
    total = {name: 0 * tensor.double() for name, tensor in states[0].ema.items()}
    for state, factor in zip(states, mixed.factors, strict=True):
        for name, tensor in state.ema.items():
            total[name] += float(factor) * tensor.double()
    return {name: tensor.float() for name, tensor in total.items()}
