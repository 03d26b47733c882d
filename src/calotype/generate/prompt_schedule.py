"""Told: what the UNet is told of a batch of prompts at each step of the walk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from calotype.condition import Condition
from calotype.conditioning.grammar import parts_by_step, resolve_schedule
from calotype.errors import UserError
from calotype.generate.request import PromptWeighting, TextToImage
from calotype.model import LatentDiffusion

CACHED_STEPS = (
    8  # records that are kept: as many turns as an alternation may have without reading anew
)


@dataclass(frozen=True, eq=False)
class StepPrompts:
    """What one step is told.

    parts: the conditions that hold at once, with their weights, a number or (B, 1, 1, 1).
    negative: what guidance leads away from.
    """

    parts: tuple[tuple[Condition, Tensor | float], ...]
    negative: Condition


EncodePrompts = Callable[[tuple[str, ...], PromptWeighting, int], Condition]
"""(prompts, weighting, clip_skip) -> what the UNet is told: ``LatentDiffusion.condition``."""


def prompt_schedule(
    model: LatentDiffusion, requests: Sequence[TextToImage], read: EncodePrompts
) -> Callable[[int], StepPrompts]:
    """What each step of the walk is told, counted from 0; the same record while nothing changes.

    requests: one a picture; they differ in words and seeds only. Raises UserError for more skipped
    layers, parts or chunks than there can be.
    """
    one, layers = requests[0], len(model.text.encoder.text_model.encoder.layers)
    if one.clip_skip > layers:
        raise UserError(f"clip_skip = {one.clip_skip}: the text encoder has {layers} layers")
    steps, literal = one.sampling.steps, one.weighting == "none"
    asked = [parts_by_step(request.prompts[0], steps, literal) for request in requests]
    most = max(len(parts) for parts in asked)
    # A prompt of fewer parts than another has empty ones, which count nothing.
    asked = [parts + [(0.0, [""] * steps)] * (most - len(parts)) for parts in asked]
    weights = [_weights([parts[k][0] for parts in asked], model) for k in range(most)]

    @lru_cache(maxsize=CACHED_STEPS)
    def record(*texts: tuple[str, ...]) -> StepPrompts:
        *parts, negative = (read(each, one.weighting, one.clip_skip) for each in texts)
        return StepPrompts(tuple(zip(parts, weights, strict=True)), negative)

    def at(step: int) -> StepPrompts:
        texts = [tuple(parts[k][1][step] for parts in asked) for k in range(most)]
        away = (request.negative_prompt for request in requests)
        return record(
            *texts, tuple(t if literal else resolve_schedule(t, step, steps) for t in away)
        )

    at(0)  # what can't be read is said before the work begins
    return at


def _weights(weights: list[float], model: LatentDiffusion) -> Tensor | float:
    """The weight of one part in every prompt, as one number where it is the same in all."""
    if len(set(weights)) == 1:
        return weights[0]
    return torch.tensor(weights, device=model.device).reshape(-1, 1, 1, 1)
