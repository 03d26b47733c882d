"""The running average of another half-life, put together from a run's checkpoints when it is over.

Karras et al. 2024 ("Analyzing and improving the training dynamics of diffusion models", section 3):
averages that were kept at some moments, mixed so that each step's weights have as nearly as can be
the part in it that they would have in the one wished for. There of two averages by power functions;
here of the one that a run keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from calotype.errors import UserError
from calotype.training.ema import towards
from calotype.training.journal import positions
from calotype.training.resume import settings_in
from calotype.training.run import make_task
from calotype.training.sources import Report
from calotype.training.state import checkpoints, load_state

Parts = NDArray[np.float64]
MOST = 0.5  # misfit of an average that is written


def wished(halflife: int, seen: Sequence[int]) -> Parts:
    """What part each step's weights shall have, ``halflife`` samples earlier half; together 1.

    seen: samples after each step. Before the steps' stands 0, for the weights before them.
    """
    parts = np.diff([0, *seen]) * 0.5 ** ((seen[-1] - np.array(seen)) / halflife)
    return np.append(0.0, parts / parts.sum())


def profile(halflife: int, seen: Sequence[int]) -> Parts:
    """What part each step's weights have in the average that a run keeps, after the last step."""
    steps = zip(seen, np.diff([0, *seen]), strict=True)
    moved = np.array([towards(halflife, after, int(size)) for after, size in steps])
    left = np.append(np.cumprod(1 - moved[::-1])[::-1], 1.0)  # of what was there before a step
    return np.append(1.0, moved) * left


@dataclass(frozen=True)
class Mixture:
    """How much of each kept average to take.

    factors: one for each; they add up to 1.
    misfit: how far the parts of all steps are from those wished for, as a share of these (norms).
    """

    factors: Parts
    misfit: float


def mixture(kept: int, halflife: int, seen: Sequence[int], moments: Sequence[int]) -> Mixture:
    """The nearest to the average of ``halflife`` by averages of half-life ``kept``.

    moments: after how many of the steps each was kept.
    """
    profiles = np.zeros((len(seen) + 1, len(moments)))
    for column, moment in enumerate(moments):
        profiles[: moment + 1, column] = profile(kept, seen[:moment])
    aim = wished(halflife, seen)
    factors, *_ = np.linalg.lstsq(profiles, aim)
    factors /= factors.sum()
    missed = np.linalg.norm(profiles @ factors - aim) / np.linalg.norm(aim)
    return Mixture(factors, float(missed))


def export_average(run: Path, halflife: int, folder: Path, report: Report) -> float:
    """Write a run's model with the average of another half-life; returns how far it is missed.

    halflife: in samples. UserError for what is no run, and what its checkpoints can't give.
    """
    settings = settings_in(run / "settings.json")
    found = checkpoints(run)
    if not found:
        raise UserError(f"{run}: holds no checkpoint of a run")
    places = [int(path.stem) for path in found]
    seen = [after for after in positions(run) if after <= places[-1]]
    moments = [seen.index(place) + 1 for place in places]
    mixed = mixture(settings.loop.ema_halflife, halflife, seen, moments)
    if mixed.misfit > MOST:
        raise UserError(
            f"--halflife = {halflife}: nothing near that average can be made from what {run} "
            f"keeps, checkpoints after {', '.join(f'{place:,}' for place in places)} samples; let "
            "a run keep more (loop.keep), or take another length"
        )
    loop = settings.loop.model_copy(update={"device": "cpu"})
    task = make_task(settings.model_copy(update={"out": run, "loop": loop}), report)
    newest = load_state(found[-1])
    task.network.load_state_dict({**newest.weights, **_mixed(found, mixed.factors, report)})
    task.network.eval()
    task.export(folder)
    return mixed.misfit


def _mixed(paths: Sequence[Path], factors: Parts, report: Report) -> dict[str, Tensor]:
    """The averages of checkpoints, each times its factor, added up."""
    total: dict[str, Tensor] = {}
    for number, (path, factor) in enumerate(zip(paths, factors, strict=True)):
        report("averages", number, len(paths))
        for name, tensor in load_state(path).ema.items():
            part = float(factor) * tensor.double()
            total[name] = total[name] + part if name in total else part
    return {name: tensor.float() for name, tensor in total.items()}
