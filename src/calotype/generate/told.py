"""Told: what the UNet is told of a batch of prompts at each step of the walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from calotype.condition import Condition
from calotype.conditioning.grammar import at_step, composed
from calotype.errors import UserError
from calotype.generate.request import TextToImage
from calotype.model import LatentDiffusion


@dataclass(frozen=True, eq=False)
class Told:
    """What one step is told.

    parts: the conditions that hold at once, with their weights, a number or (B, 1, 1, 1).
    negative: what guidance leads away from.
    """

    parts: tuple[tuple[Condition, Tensor | float], ...]
    negative: Condition


def told(model: LatentDiffusion, prompts: Sequence[str], request: TextToImage) -> list[Told]:
    """What each step of the walk is told; steps that are told the same share one record."""
    layers = len(model.text.encoder.text_model.encoder.layers)
    if request.clip_skip > layers:
        raise UserError(f"clip_skip = {request.clip_skip}: the text encoder has {layers} layers")
    steps, literal = request.sampling.steps, request.weighting == "none"
    asked = [[(prompt, 1.0)] if literal else composed(prompt) for prompt in prompts]
    most = max(len(parts) for parts in asked)
    # A prompt of fewer parts than another has empty ones, which count nothing.
    asked = [parts + [("", 0.0)] * (most - len(parts)) for parts in asked]
    records: dict[tuple[tuple[str, ...], ...], Told] = {}
    found: list[Told] = []
    for step in range(steps):

        def said(text: str, step: int = step) -> str:
            return text if literal else at_step(text, step, steps)

        texts = tuple(tuple(said(parts[k][0]) for parts in asked) for k in range(most))
        away = (said(request.negative_prompt),) * len(prompts)
        if (*texts, away) not in records:
            weights = [_weights([parts[k][1] for parts in asked], model) for k in range(most)]
            conditions = [
                model.condition(each, request.weighting, request.clip_skip)
                for each in (*texts, away)
            ]
            parts = tuple(zip(conditions[:-1], weights, strict=True))
            records[(*texts, away)] = Told(parts, conditions[-1])
        found.append(records[(*texts, away)])
    return found


def _weights(weights: list[float], model: LatentDiffusion) -> Tensor | float:
    """The weight of one part in every prompt, as one number where it is the same in all."""
    if len(set(weights)) == 1:
        return weights[0]
    return torch.tensor(weights, device=model.device).reshape(-1, 1, 1, 1)
