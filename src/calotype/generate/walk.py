"""The one walk from noise to pictures that every job runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from calotype.errors import UserError
from calotype.generate.events import Event, Picture, Preview, Progress
from calotype.generate.pictures import to_images
from calotype.generate.request import Sampling, TextToImage
from calotype.generate.told import Told
from calotype.model import LatentDiffusion
from calotype.sampling import (
    NoiseSource,
    Path,
    Step,
    by_step,
    classifier_free,
    sampler,
    thresholded,
    within,
)


class Request(Protocol):
    """What the walk asks of a job's request."""

    @property
    def sampling(self) -> Sampling: ...

    def __len__(self) -> int: ...

    def alone(self, index: int) -> TextToImage: ...


@dataclass(frozen=True, eq=False)
class Start:
    """Where a batch of pictures sets out.

    indices: their places in the request.
    x: (B, C, h, w) float32 latents at the first noise level of ``path``, in Karras coordinates.
    told: what the UNet is told at each step.
    """

    indices: range
    x: Tensor
    path: Path
    noise: NoiseSource
    told: Sequence[Told]


@torch.inference_mode()
def walk(model: LatentDiffusion, request: Request, starts: Iterable[Start]) -> Iterator[Event]:
    """Walk each batch down to its pictures, telling progress and a preview after every step.

    Raises UserError if the numbers overflow, as half precision may.
    """
    sampling, before, total = request.sampling, 0, len(request) * request.sampling.steps
    for start in starts:
        latents, count = start.x, len(start.indices)
        for step in _steps(model, start, sampling):
            latents = step.x * start.path.final_alpha
            yield Progress(before + count * (step.index + 1), total)
            yield Preview(start.indices, step.x0, partial(images, model, step.x0))
        before += count * sampling.steps
        for index, image in zip(start.indices, images(model, latents), strict=True):
            yield Picture(index, image, request.alone(index), model.name)


def _steps(model: LatentDiffusion, start: Start, sampling: Sampling) -> Iterator[Step]:
    denoiser = replace(model.denoiser(), schedule=start.path.schedule)
    scale, rescale = _scale(sampling, start.path.sigmas), sampling.guidance_rescale
    guided = {
        told: classifier_free(denoiser, told.parts, told.negative, scale, rescale)
        for told in dict.fromkeys(start.told)
    }
    denoise = by_step(start.path.sigmas.tolist(), [guided[told] for told in start.told])
    if sampling.threshold is not None:
        denoise = thresholded(denoise, sampling.threshold)
    by_name = sampler(sampling.sampler)
    return by_name.walk(denoise, start.x, start.path.sigmas, start.noise, sampling.eta)


def _scale(sampling: Sampling, sigmas: Tensor) -> float | Callable[[float], float]:
    """The guidance scale, of a part of the walk where that is asked for."""
    begin, end, scale = sampling.guidance_start, sampling.guidance_end, sampling.guidance_scale
    if (begin, end) == (0.0, 1.0):
        return scale
    steps = len(sigmas) - 1
    guided = sigmas[:-1][math.ceil(begin * steps) : math.ceil(end * steps)]
    return within(scale, float(guided.max()), float(guided.min())) if len(guided) else 1.0


@torch.inference_mode()
def images(model: LatentDiffusion, latents: Tensor) -> list[Image.Image]:
    """The pictures of clean latents (B, C, h, w)."""
    pictures = model.decode(latents)
    if not pictures.isfinite().all():
        raise UserError(f"the numbers overflowed in {model.dtype}; take float32 (--dtype fp32)")
    return to_images(pictures)
