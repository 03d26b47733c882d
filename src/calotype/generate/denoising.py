"""The one walk from noise to pictures that every job runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch
from PIL import Image
from torch import Tensor

from calotype.errors import UserError
from calotype.generate.events import Event, Picture, Preview, Progress
from calotype.generate.pictures import to_images
from calotype.generate.prompt_schedule import CACHED_STEPS, StepPrompts
from calotype.generate.provenance import Provenance
from calotype.generate.request import Sampling, TextToImage
from calotype.model import LatentDiffusion
from calotype.sampling import (
    Denoise,
    NoiseSource,
    SigmaPath,
    Step,
    classifier_free,
    sampler,
    thresholded,
)


@dataclass(frozen=True, eq=False)
class Denoising:
    """Where a batch of pictures sets out.

    indices: their places in the job.
    requests: what makes each alone, one a row; they differ in words and seeds only.
    x: (B, C, h, w) float32 latents at the first noise level of ``path``, in Karras coordinates.
    prompts: what the UNet is told at each step.
    """

    indices: Sequence[int]
    requests: Sequence[TextToImage]
    x: Tensor
    path: SigmaPath
    noise: NoiseSource
    prompts: Callable[[int], StepPrompts]


@torch.inference_mode()
def sample(
    model: LatentDiffusion, starts: Iterable[Denoising], total: int, provenance: Provenance
) -> Iterator[Event]:
    """Walk each batch down to its pictures, telling progress and a preview after every step.

    total: picture-steps of the whole job. provenance: by what its pictures are made. Raises
    UserError if the numbers overflow, as half precision may.
    """
    before = 0
    for start in starts:
        latents, count, sampling = start.x, len(start.indices), start.requests[0].sampling
        for step in steps(model, start, sampling):
            latents = step.x * start.path.final_alpha
            yield Progress(before + count * (step.index + 1), total)
            yield Preview(start.indices, step.x0, partial(images, model, step.x0))
        before += count * sampling.steps
        pictures = images(model, latents)
        for index, image, request in zip(start.indices, pictures, start.requests, strict=True):
            yield Picture(index, image, request, provenance)


def steps(model: LatentDiffusion, start: Denoising, sampling: Sampling) -> Iterator[Step]:
    """The steps of one batch; in each the UNet is told, and guided, as that step is."""
    denoiser = replace(model.denoiser(), schedule=start.path.schedule)
    now = 0

    @lru_cache(maxsize=CACHED_STEPS)
    def guided(prompts: StepPrompts, scale: float) -> Denoise:
        return classifier_free(
            denoiser, prompts.parts, prompts.negative, scale, sampling.guidance_rescale
        )

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return guided(start.prompts(now), _scale(sampling, now))(x, sigma)

    clipped = denoise if sampling.threshold is None else thresholded(denoise, sampling.threshold)
    by_name = sampler(sampling.sampler)
    for step in by_name.walk(clipped, start.x, start.path.sigmas, start.noise, sampling.eta):
        now = step.index + 1
        yield step


def _scale(sampling: Sampling, step: int) -> float:
    """The guidance scale of a step: 1 outside of the part of the walk that is asked for."""
    place = (step + 0.5) / sampling.steps
    if not sampling.guidance_start <= place <= sampling.guidance_end:
        return 1.0
    return sampling.scale_at(step)


@torch.inference_mode()
def images(model: LatentDiffusion, latents: Tensor) -> list[Image.Image]:
    """The pictures of clean latents (B, C, h, w)."""
    pictures = model.decode(latents)
    if not pictures.isfinite().all():
        raise UserError(f"the numbers overflowed in {model.dtype}; take float32 (--dtype fp32)")
    return to_images(pictures)
