"""The table of evaluations: what a model can be evaluated on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from calotype.errors import UserError, nearest
from calotype.evaluation.report import EvaluationProgress, Report
from calotype.evaluation.scenes import evaluate_scenes
from calotype.generate.request import Sampling
from calotype.model import LatentDiffusion
from calotype.names import PromptKind


class Evaluation(Protocol):
    """A measurement of a model on ``count`` prompts of each kind; its report comes last."""

    def __call__(
        self,
        model: LatentDiffusion,
        count: int,
        sampling: Sampling | None,
        kinds: Sequence[PromptKind],
    ) -> Iterator[EvaluationProgress | Report]: ...


EVALUATIONS: Mapping[str, Evaluation] = {"scenes": evaluate_scenes}


def evaluation(name: str) -> Evaluation:
    """The evaluation of this name; UserError for a name that none has."""
    if name not in EVALUATIONS:
        known = ", ".join(EVALUATIONS)
        raise UserError(f'evaluation "{name}": must be {known}{nearest(name, EVALUATIONS)}')
    return EVALUATIONS[name]
