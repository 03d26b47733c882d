"""Denoising: a prepared batch, with all that the loop needs."""

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
from calotype.sampling import BoundSampler, Denoise, Guidance, NoiseSource, SigmaPath

Inputs = Mapping[str, Image]
"""The pictures that a request names, by SHA-256."""


@dataclass(frozen=True, eq=False)
class StartPictures:
    """The pictures that rows start from: (B, 3, H, W) in [-1, 1], and their scaled latents."""

    pictures: Tensor
    latents: Tensor


@dataclass(frozen=True, eq=False)
class Denoising:
    """A prepared batch: one walk down the noise levels, and the walk that follows it, if any.

    requests: one for each picture, resolved, all with the same batch key.
    model: encodes and decodes; a view of the loaded model if adapters change it.
    denoiser: schedule and prediction; its network is replaced by that of ``network``.
    sampler: bound, with its eta.
    path: the whole path. first: how many of its steps are left out at the beginning.
    start: unit start noise (B, C, h, w), with variations mixed in.
    noise: the noise of the steps. Some sources are streams, so a record is walked only once.
    network: the network of a step of the whole path. Parts wrap it:
        ``lambda step: tiled(inner(step))``.
    guidance: of every step of the whole path.
    begin: latents (B, C, h, w) of the walk before, None for the first walk -> x at the first noise
        level, in Karras coordinates.
    source: the pictures that the rows start from, if any.
    wrap: a change of denoise: masks, thresholds. None: no change.
    finish: a change of the finished pictures; only that of the last walk is applied.
    then: the walk that follows, prepared in advance.
    """

    requests: Sequence[Request]
    model: LatentDiffusion
    denoiser: Denoiser
    sampler: BoundSampler
    path: SigmaPath
    start: Tensor
    noise: NoiseSource
    network: Callable[[int], Network]
    guidance: Sequence[Guidance]
    begin: Callable[[Tensor | None], Tensor]
    first: int = 0
    source: StartPictures | None = None
    wrap: Callable[[Denoise], Denoise] | None = None
    finish: Callable[[list[Image]], list[Image]] = list
    then: Denoising | None = None


def each_term(denoising: Denoising, change: Callable[[Condition], Condition]) -> Denoising:
    """The batch with ``change`` applied to each distinct condition of its guidance once."""
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
