"""Together: pictures that differ in words and seeds only walk side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import torch

from calotype.diffusion.compatible import MODES, slerp
from calotype.errors import UserError
from calotype.generate.denoising import Denoising, sample
from calotype.generate.events import Event
from calotype.generate.prompt_schedule import EncodePrompts, prompt_schedule
from calotype.generate.provenance import provenance_of
from calotype.generate.request import TextToImage
from calotype.model import LatentDiffusion
from calotype.sampling import make_path, sampler

PIXELS_PER_BATCH = 2**20  # four pictures of 512 x 512: what a modest computer holds
TEXTS_KEPT = 16  # batches of encoded texts: those of a sweep's neighbours are often the same

IndexedRequest = tuple[int, TextToImage]
"""A picture's place in its job, and the request that makes it alone."""


@torch.inference_mode()
def pictures(
    model: LatentDiffusion,
    asked: Iterable[IndexedRequest],
    total: int,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> Iterator[Event]:
    """Make pictures that are each asked for alone, telling what happens on the path.

    total: picture-steps of all. batch_size: pictures made side by side; None for as many as suits
        their size. It changes speed and memory; a picture's noise is a function of its seed alone,
        whatever the batch, and its last bits of the batch too. deterministic: one by one, so that
        on a CPU a picture is the same to the last bit whatever else is asked for.

    Raises UserError: a size that is no multiple of the autoencoder's factor, more steps than the
    model has, eta for a sampler without noise, a batch size below 1, a model that needs more than
    words.
    """
    if batch_size is not None and batch_size < 1:
        raise UserError(f"batch_size = {batch_size}: must be 1 or more")
    _require_words_suffice(model)
    native = native_size(model)
    sized = ((index, request.with_size(native, model.factor)) for index, request in asked)
    read = lru_cache(maxsize=TEXTS_KEPT)(model.condition)
    starts = (start(model, batch, read) for batch in batches(sized, batch_size, deterministic))
    yield from sample(model, starts, total, provenance_of(model, deterministic))


@torch.inference_mode()
def check(model: LatentDiffusion, request: TextToImage) -> None:
    """UserError if this picture can't be made, as ``pictures`` says, found without making it."""
    _require_words_suffice(model)
    sized = request.with_size(native_size(model), model.factor)
    begun = start(model, [(0, sized)], model.condition)
    by_name = sampler(sized.sampling.sampler)
    by_name.walk(lambda x, _: x, begun.x, begun.path.sigmas, begun.noise, sized.sampling.eta)


def batches(
    asked: Iterable[IndexedRequest], batch_size: int | None, deterministic: bool
) -> Iterator[list[IndexedRequest]]:
    """Neighbours that differ in words and seeds only, as many as fit side by side."""
    batch: list[IndexedRequest] = []
    for index, request in asked:
        room = 1 if deterministic else batch_size or _room(request)
        if batch and (len(batch) >= room or batch_key(batch[0][1]) != batch_key(request)):
            yield batch
            batch = []
        batch.append((index, request))
    if batch:
        yield batch


def _room(request: TextToImage) -> int:
    assert request.width
    assert request.height
    return max(1, PIXELS_PER_BATCH // (request.width * request.height))


def batch_key(request: TextToImage) -> TextToImage:
    """What pictures that walk together have in common: all but words and seeds."""
    seeds = {"seed": 0, "variation_seed": 0}
    sampling = request.sampling.model_copy(update=seeds)
    return request.model_copy(update={"prompt": "", "negative_prompt": "", "sampling": sampling})


def start(
    model: LatentDiffusion, batch: Sequence[IndexedRequest], read: EncodePrompts
) -> Denoising:
    """Where a batch sets out; the sizes of its requests have to be written out."""
    indices, requests = [index for index, _ in batch], [request for _, request in batch]
    one = requests[0]
    assert one.width
    assert one.height
    sampling = one.sampling
    path = make_path(model.scheduler, sampling.sampler, sampling.schedule, sampling.steps)
    channels = model.autoencoder.config.diffused_channels
    shape = (channels, one.height // model.factor, one.width // model.factor)
    draws = MODES[sampling.noise]
    noise = draws([request.sampling.seed for request in requests], shape, model.device)
    first = noise.start()
    if sampling.variation_strength:
        seeds = [request.sampling.variation_seed for request in requests]
        varied = draws(seeds, shape, model.device)
        first = slerp(sampling.variation_strength, first, varied.start())
    return Denoising(
        indices=indices,
        requests=requests,
        x=first * path.start,
        path=path,
        noise=noise,
        prompts=prompt_schedule(model, requests, read),
    )


def _require_words_suffice(model: LatentDiffusion) -> None:
    takes, latent = model.unet.config.in_channels, model.autoencoder.config.diffused_channels
    if takes != latent:
        raise UserError(
            f'model "{model.name}" takes {takes} channels, {takes - latent} of them for a picture '
            "given beside the words; pictures from words need a model without"
        )
    if model.unet.class_embedding is not None:
        raise UserError(f'model "{model.name}" wants classes beside the words; give one without')


def native_size(model: LatentDiffusion) -> tuple[int, int]:
    """The width and height that a model was trained for."""
    side = model.unet.config.sample_size
    if side is None:
        raise UserError(f'width and height: model "{model.name}" has none of its own; give both')
    height, width = (side, side) if isinstance(side, int) else side
    return width * model.factor, height * model.factor
