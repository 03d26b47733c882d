"""The prompts of a batch: the texts that hold at each step, and the guidance that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from calotype.condition import Condition
from calotype.conditioning import Prompts
from calotype.conditioning.grammar import resolve_schedule, subprompts_by_step
from calotype.conditioning.prompt import chunks
from calotype.generate.request import Request, Sampling
from calotype.model import LatentDiffusion
from calotype.sampling import Guidance, classifier_free, share_a_call
from calotype.sampling.guidance import Weight

Encode = Callable[[Prompts], Condition]
"""Texts, one for each picture of a batch -> their Condition."""


@dataclass(frozen=True)
class PromptSchedule:
    """The texts of one picture along its steps.

    parts: the composed prompts, each with its weight and its text at every step.
    negative: the negative prompt at every step.
    """

    parts: Sequence[tuple[float, Sequence[str]]]
    negative: Sequence[str]


def prompt_schedule(request: Request) -> PromptSchedule:
    """The texts of a request of one picture; UserError for too many parts."""
    steps, literal = request.sampling.steps, request.weighting == "none"
    negative = request.negative_prompt
    return PromptSchedule(
        subprompts_by_step(request.prompts[0], steps, literal),
        [negative if literal else resolve_schedule(negative, k, steps) for k in range(steps)],
    )


def guidance_by_step(
    model: LatentDiffusion, requests: Sequence[Request], encode: Encode
) -> list[Guidance]:
    """The guidance of every step of the path; steps with the same texts and scales share a record.

    requests: one a picture, all with the same batch key.
    """
    one = requests[0]
    if model.conditioner.text is None:
        return [Guidance(encode(Prompts(("",) * len(requests))))] * one.sampling.steps
    rows = [prompt_schedule(request) for request in requests]
    most = max(len(row.parts) for row in rows)
    # Prompts with fewer parts than others are filled up with empty ones of weight 0.
    empty = (0.0, [""] * one.sampling.steps)
    parts = [[*row.parts, *[empty] * (most - len(row.parts))] for row in rows]
    weights = [_by_row([row[k][0] for row in parts], model.device) for k in range(most)]
    how = one.weighting, one.clip_skip
    found: dict[object, Guidance] = {}
    steps: list[Guidance] = []
    for step in range(one.sampling.steps):
        texts = tuple(zip(*[[each[step] for _, each in row] for row in parts], strict=True))
        negatives = tuple([row.negative[step] for row in rows])
        scales = tuple([guidance_scale(request.sampling, step) for request in requests])
        key = texts, negatives, scales
        if key not in found:
            contexts = [encode(Prompts(rows_of_part, *how)) for rows_of_part in texts]
            each = list(zip(contexts, weights, strict=True))
            scale, rescale = _by_row(scales, model.device), one.sampling.guidance_rescale
            found[key] = classifier_free(each, encode(Prompts(negatives, *how)), scale, rescale)
        steps.append(found[key])
    return steps


def guidance_scale(sampling: Sampling, step: int) -> float:
    """The guidance scale of a step; 1 outside of guidance_start to guidance_end."""
    place = (step + 0.5) / sampling.steps
    if not sampling.guidance_start <= place <= sampling.guidance_end:
        return 1.0
    return sampling.scale_at(step)


def _by_row(numbers: Sequence[float], device: torch.device) -> Weight:
    """One number if it is the same for every picture, else (B, 1, 1, 1)."""
    if len(set(numbers)) == 1:
        return numbers[0]
    return torch.tensor(numbers, device=device).reshape(-1, 1, 1, 1)


@dataclass(frozen=True)
class Lengths:
    """The numbers of chunks that the texts of one picture have at some step."""

    positive: frozenset[int]
    negative: frozenset[int]

    def fit(self, others: Sequence[Lengths]) -> bool:
        """Whether one tensor can hold the contexts of all at no more than twice the longest."""
        rows = [self, *others]
        return all(
            share_a_call(list(frozenset.union(*counts)))
            for counts in ([row.positive for row in rows], [row.negative for row in rows])
        )


def prompt_lengths(model: LatentDiffusion, request: Request) -> Lengths:
    """The lengths of a picture's texts; UserError for too many parts or chunks."""
    if model.conditioner.text is None:
        return Lengths(frozenset({1}), frozenset({1}))
    tokenizer, schedule = model.text.tokenizer, prompt_schedule(request)

    def count(texts: Sequence[str]) -> frozenset[int]:
        return frozenset(len(chunks(tokenizer, text, request.weighting)) for text in set(texts))

    positive = [text for _, texts in schedule.parts for text in texts]
    return Lengths(count(positive), count(schedule.negative))
