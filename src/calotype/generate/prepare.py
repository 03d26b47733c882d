"""prepare: a batch of resolved requests -> the Denoising that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from torch import Tensor

from calotype.diffusion.compatible import MODES, slerp
from calotype.generate.denoising import Denoising, Inputs
from calotype.generate.parts import PARTS
from calotype.generate.prompts import Encode, guidance_by_step
from calotype.generate.request import Request
from calotype.model import LatentDiffusion
from calotype.sampling import NoiseSource, make_path, sampler, thresholded


def prepare(
    model: LatentDiffusion, requests: Sequence[Request], inputs: Inputs, encode: Encode
) -> Denoising:
    """The batch of these resolved requests: text-to-image, changed by every part that is given.

    requests: one for each picture, all with the same batch key. encode: texts -> Condition.
    """
    shared = requests[0]
    assert shared.width
    assert shared.height
    sampling = shared.sampling
    path = make_path(model.scheduler, sampling.sampler, sampling.schedule, sampling.steps)
    channels = model.autoencoder.config.diffused_channels
    shape = (channels, shared.height // model.factor, shared.width // model.factor)
    start, noise = draw_noise(requests, shape, model)
    denoising = Denoising(
        requests=requests,
        model=model,
        denoiser=replace(model.denoiser(), schedule=path.schedule),
        sampler=sampler(sampling.sampler).bind(sampling.eta),
        path=path,
        start=start,
        noise=noise,
        network=lambda step: model.unet,
        guidance=guidance_by_step(model, requests, encode),
        begin=lambda latents: start * path.start,
    )
    if sampling.threshold is not None:
        denoising = replace(denoising, wrap=partial(thresholded, quantile=sampling.threshold))
    for field, part in PARTS.items():
        if getattr(shared, field) is not None:
            denoising = part(denoising, inputs)
    return denoising


def draw_noise(
    requests: Sequence[Request], shape: Sequence[int], model: LatentDiffusion
) -> tuple[Tensor, NoiseSource]:
    """The unit start noise (B, *shape) of requests, variations mixed in, and that of the steps."""
    sampling = requests[0].sampling
    source = MODES[sampling.noise]
    noise = source([request.sampling.seed for request in requests], shape, model.device)
    start = noise.start()
    if sampling.variation_strength:
        seeds = [request.sampling.variation_seed for request in requests]
        varied = source(seeds, shape, model.device).start()
        start = slerp(sampling.variation_strength, start, varied)
    return start, noise
