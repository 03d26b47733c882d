"""run: from a request to its pictures, by one loop for every kind of picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from operator import attrgetter

import torch
from PIL.Image import Image
from torch import Tensor

from calotype.condition import Condition
from calotype.conditioning import Prompts
from calotype.errors import UserError
from calotype.generate.denoising import Denoising, Inputs
from calotype.generate.events import Event, Picture, Preview, Progress
from calotype.generate.pictures import to_images
from calotype.generate.prepare import prepare
from calotype.generate.prompts import Lengths, prompt_lengths
from calotype.generate.provenance import provenance_of
from calotype.generate.request import Request, Sweep
from calotype.generate.resolve import resolve
from calotype.model import LatentDiffusion
from calotype.sampling import At, NoiseSource, Step, guided

PIXELS_PER_BATCH = 2**20  # four pictures of 512 x 512, for computers with little memory
TEXTS_KEPT = 16  # batches of encoded texts; neighbours of a sweep often share them


def run(
    model: LatentDiffusion,
    request: Request | Sweep,
    inputs: Inputs | None = None,
    *,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> list[Picture]:
    """The pictures of a request, in order; see ``events``."""
    stream = events(model, request, inputs, batch_size=batch_size, deterministic=deterministic)
    pictures = [event for event in stream if isinstance(event, Picture)]
    return sorted(pictures, key=attrgetter("index"))


@torch.inference_mode()
def events(
    model: LatentDiffusion,
    request: Request | Sweep,
    inputs: Inputs | None = None,
    *,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> Iterator[Event]:
    """Make the pictures of a request, yielding events; closing the iterator stops the work.

    inputs: the pictures that the request names, by SHA-256.
    batch_size: the most pictures in a batch; None: as many as suit their size. It changes speed and
        memory, and the last bits of the pictures. Their noise does not depend on it.
    deterministic: batches of one picture, so that on a CPU each is the same bit for bit whatever
        else is requested.

    Raises UserError, before any picture is made, for what the model can't do (see ``resolve``) and
    for a batch size below 1; later, if the numbers overflow, as half precision may.
    """
    if batch_size is not None and batch_size < 1:
        raise UserError(f"batch_size = {batch_size}: must be 1 or more")
    singles = [resolve(model, request.single(index)) for index in range(len(request))]
    provenance = provenance_of(model, deterministic)
    total, done = sum(single.total_steps for single in singles), 0
    for batch, prepared in prepared_batches(
        model, singles, inputs or {}, 1 if deterministic else batch_size
    ):
        latents, walk = None, prepared
        while True:
            x = walk.begin(latents)
            for step in steps(walk, x):
                x, done = step.x, done + len(batch)
                yield Progress(done, total)
                yield Preview(batch, step.x0, partial(decode, walk.model, step.x0))
            latents = x * walk.path.final_alpha
            if walk.then is None:
                break
            walk = walk.then
        images = walk.finish(decode(walk.model, latents))
        for index, image, single in zip(batch, images, prepared.requests, strict=True):
            yield Picture(index, image, single, provenance)


def steps(denoising: Denoising, x: Tensor) -> Iterator[Step]:
    """Take x (B, C, h, w) down the noise levels of a prepared batch; yields after every step.

    The sampler counts the steps of the path that it is given. Everything else counts those of the
    whole path: ``first`` is added here, and nowhere else.
    """
    first = denoising.first

    def denoise(x: Tensor, at: At) -> Tensor:
        denoiser = replace(denoising.denoiser, network=denoising.network(at.step))
        return guided(denoiser, denoising.guidance[at.step], x, at.sigma)

    wrapped = denoising.wrap(denoise) if denoising.wrap else denoise
    yield from denoising.sampler(
        lambda x, at: wrapped(x, At(at.sigma, at.step + first)),
        x,
        denoising.path.sigmas[first:],
        noise=_NoiseFrom(denoising.noise, first),
    )


@dataclass(frozen=True)
class _NoiseFrom:
    """The noise of a walk for a sampler that starts at step ``first``."""

    noise: NoiseSource
    first: int

    def __call__(self, index: int) -> Tensor:
        return self.noise(index + self.first)

    def between(self, high: float, low: float) -> Tensor:
        return self.noise.between(high, low)


@torch.inference_mode()
def decode(model: LatentDiffusion, latents: Tensor) -> list[Image]:
    """The pictures of clean latents (B, C, h, w); UserError where the numbers overflowed."""
    pictures = model.decode(latents)
    if not pictures.isfinite().all():
        raise UserError(f"the numbers overflowed in {model.dtype}: take the dtype fp32")
    return to_images(pictures)


def prepared_batches(
    model: LatentDiffusion,
    requests: Sequence[Request],
    inputs: Inputs,
    batch_size: int | None,
) -> Iterator[tuple[list[int], Denoising]]:
    """Group resolved requests of one picture each into batches: (their numbers, the batch)."""
    encode = lru_cache(TEXTS_KEPT)(partial(prompt_condition, model))
    # All prompts are read before the first batch, so that none is found to be too long later.
    lengths = [prompt_lengths(model, request) for request in requests]
    for batch in batches(requests, lengths, batch_size):
        yield batch, prepare(model, [requests[number] for number in batch], inputs, encode)


def prompt_condition(model: LatentDiffusion, prompts: Prompts) -> Condition:
    """The condition of prompts, one row each; nothing else is known about the pictures."""
    known = {**model.conditioner.null(len(prompts.texts)), "captions": prompts}
    return model.conditioner(known).to(model.device)


def batches(
    requests: Sequence[Request], lengths: Sequence[Lengths], batch_size: int | None
) -> Iterator[list[int]]:
    """Numbers of the requests of each batch: of one batch key, as many as fit.

    lengths: of each request's prompts. A batch holds no requests whose repeated contexts would
        exceed twice the longest.
    """
    groups: dict[Request, list[int]] = {}
    for number, request in enumerate(requests):
        groups.setdefault(request.batch_key(), []).append(number)
    for key, numbers in groups.items():
        assert key.width
        assert key.height
        limit = batch_size or max(1, PIXELS_PER_BATCH // (key.width * key.height))
        waiting: list[list[int]] = []
        for number in numbers:
            fitting = (b for b in waiting if lengths[number].fit([lengths[k] for k in b]))
            batch = next(fitting, None)
            if batch is None:
                waiting.append(batch := [])
            batch.append(number)
            if len(batch) == limit:
                waiting.remove(batch)
                yield batch
        yield from waiting
