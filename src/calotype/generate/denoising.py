"""Denoising: one prepared batch, all that the loop needs to make its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image
from torch import Tensor

from calotype.condition import Condition
from calotype.diffusion import Denoiser
from calotype.diffusion.denoiser import Network
from calotype.generate.request import Request
from calotype.model import LatentDiffusion
from calotype.sampling import Denoise, Guidance, NoiseSource, SigmaPath, Walk

Inputs = Mapping[str, Image]
"""The pictures that a request names, by SHA-256."""


@dataclass(frozen=True, eq=False)
class Source:
    """The pictures that rows start from: (B, 3, H, W) in [-1, 1], and their scaled latents."""

    pictures: Tensor
    latents: Tensor


@dataclass(frozen=True, eq=False)
class Denoising:
    """A batch of pictures, prepared: one walk down the noise levels, and those that follow it.

    requests: what makes each picture alone, resolved; they have one batch key.
    model: what encodes and decodes; a view of the loaded model where adapters change it.
    denoiser: schedule and prediction; its network is the one of ``network``.
    sampler: bound, with its eta. path: the whole path, and ``first``: steps left out of it.
    start: unit start noise (B, C, h, w), variations mixed in. noise: that of the steps. Streams of
        other programs go on from draw to draw, so a record is walked once.
    source: what rows start from, where pictures are given.
    network: what is called at a step of the whole path. Parts wrap it:
        ``lambda step: tiled(inner(step))``.
    guidance: what each step of the whole path hears.
    wrap: changes x0, or x before the network sees it: masks, thresholds. None: nothing does.
    begin: the latents (B, C, h, w) that the walk before came to, None for the first -> x at the
        first noise level, in Karras coordinates.
    finish: what is done to the finished pictures; that of the last walk counts.
    then: the walk that follows, prepared in advance.
    """

    requests: Sequence[Request]
    model: LatentDiffusion
    denoiser: Denoiser
    sampler: Walk
    path: SigmaPath
    start: Tensor
    noise: NoiseSource
    network: Callable[[int], Network]
    guidance: Sequence[Guidance]
    begin: Callable[[Tensor | None], Tensor]
    first: int = 0
    source: Source | None = None
    wrap: Callable[[Denoise], Denoise] | None = None
    finish: Callable[[list[Image]], list[Image]] = list
    then: Denoising | None = None


def each_term(denoising: Denoising, change: Callable[[Condition], Condition]) -> Denoising:
    """The batch with ``change`` applied to every condition of its guidance, to each one once."""
    changed: dict[int, Condition] = {}
    guidances: dict[int, Guidance] = {}

    def once(condition: Condition) -> Condition:
        if id(condition) not in changed:
            changed[id(condition)] = change(condition)
        return changed[id(condition)]

    for guidance in denoising.guidance:
        if id(guidance) not in guidances:
            terms = tuple(replace(t, condition=once(t.condition)) for t in guidance.terms)
            guidances[id(guidance)] = replace(guidance, base=once(guidance.base), terms=terms)
    return replace(denoising, guidance=[guidances[id(each)] for each in denoising.guidance])
