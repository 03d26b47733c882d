"""Pictures from words."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from calotype.diffusion.compatible import MODES, slerp
from calotype.errors import UserError
from calotype.generate.events import Event
from calotype.generate.request import TextToImage
from calotype.generate.told import told
from calotype.generate.walk import Start, walk
from calotype.model import LatentDiffusion
from calotype.sampling import path

PIXELS_AT_ONCE = 2**20  # four pictures of 512 x 512: what a modest computer holds


@torch.inference_mode()
def text_to_image(
    model: LatentDiffusion, request: TextToImage, batch_size: int | None = None
) -> Iterator[Event]:
    """Make the pictures of a request, telling what happens on the way.

    batch_size: pictures made side by side; None for as many as suits their size. It changes speed
        and memory; a picture's noise is a function of its seed alone, whatever the batch.

    Raises UserError: a size that is no multiple of the autoencoder's factor, more steps than the
    model has, eta for a sampler without noise, a batch size below 1, a model that needs more than
    words.
    """
    if batch_size is not None and batch_size < 1:
        raise UserError(f"batch_size = {batch_size}: must be 1 or more")
    takes, latent = model.unet.config.in_channels, model.autoencoder.config.latent_channels
    if takes != latent:
        raise UserError(
            f'model "{model.name}" takes {takes} channels, {takes - latent} of them for a picture '
            "given beside the words; pictures from words need a model without"
        )
    if model.unet.class_embedding is not None:
        raise UserError(f'model "{model.name}" wants classes beside the words; give one without')
    sized = request.sized(native_size(model), model.factor)
    yield from walk(model, sized, starts(model, sized, batch_size))


def starts(model: LatentDiffusion, request: TextToImage, batch_size: int | None) -> Iterator[Start]:
    """Where each batch of a request sets out; its sizes have to be written out."""
    assert request.width
    assert request.height
    sampling = request.sampling
    way = path(model.scheduler, sampling.sampler, sampling.schedule, sampling.steps)
    channels = model.autoencoder.config.latent_channels
    shape = (channels, request.height // model.factor, request.width // model.factor)
    size = batch_size or max(1, PIXELS_AT_ONCE // (request.width * request.height))
    for first in range(0, len(request), size):
        indices = range(first, min(first + size, len(request)))
        draws = MODES[sampling.noise]
        noise = draws([request.seed(index) for index in indices], shape, model.device)
        first = noise.start()
        if sampling.variation_strength:
            varied = draws([request.variation(index) for index in indices], shape, model.device)
            first = slerp(sampling.variation_strength, first, varied.start())
        prompts = [request.prompts[index // request.images] for index in indices]
        yield Start(
            indices=indices,
            x=first * way.start,
            path=way,
            noise=noise,
            told=told(model, prompts, request),
        )


def native_size(model: LatentDiffusion) -> tuple[int, int]:
    """The width and height that a model was trained for."""
    side = model.unet.config.sample_size
    if side is None:
        raise UserError(f'width and height: model "{model.name}" has none of its own; give both')
    height, width = (side, side) if isinstance(side, int) else side
    return width * model.factor, height * model.factor
