"""resolve: write out what a request leaves open, refuse what the model can't do."""

from __future__ import annotations

from calotype.errors import UserError
from calotype.generate.request import Request
from calotype.model import LatentDiffusion
from calotype.sampling import make_path, sampler


def resolve(model: LatentDiffusion, request: Request) -> Request:
    """The request with its sizes written out.

    Raises UserError for what this model can't do: a size that is no multiple of the autoencoder's
    factor, more steps than it was trained with, eta for a sampler without a share of noise, a
    prompt for a model without words, more skipped layers than there are, a network that needs more
    than the request gives.
    """
    _check_routes(model, request)
    sampling = request.sampling
    make_path(model.scheduler, sampling.sampler, sampling.schedule, sampling.steps)
    sampler(sampling.sampler).bind(sampling.eta)
    return request.model_copy(update=_sizes(model, request))


def _check_routes(model: LatentDiffusion, request: Request) -> None:
    """UserError unless the UNet gets all inputs that it needs and reads the prompts given."""
    name = model.name
    text = model.conditioner.text
    missing = model.routes - {embedder.route for embedder in model.conditioner}
    if "concat" in missing:
        takes, latent = model.unet.config.in_channels, model.autoencoder.config.diffused_channels
        raise UserError(
            f'model "{name}" takes {takes} channels, {takes - latent} of them for a picture '
            "given beside the words; pictures from words need a model without"
        )
    if "vector" in missing:
        raise UserError(f'model "{name}" wants classes beside the words; give one without')
    if "context" in missing:
        raise UserError(f'model "{name}" has no text encoder, but its UNet reads a context')
    if text is None:
        if any(request.prompts) or request.negative_prompt:
            raise UserError(f'prompt: model "{name}" has no text encoder; leave the prompt empty')
        return
    layers = len(text.encoder.text_model.encoder.layers)
    if request.clip_skip > layers:
        raise UserError(f"clip_skip = {request.clip_skip}: the text encoder has {layers} layers")


def _sizes(model: LatentDiffusion, request: Request) -> dict[str, int]:
    """The sizes of the pictures; each must be a multiple of the pixels of a latent's side."""
    width, height = request.width, request.height
    if width is None or height is None:
        own = native_size(model)
        width, height = width or own[0], height or own[1]
    sizes, factor = {"width": width, "height": height}, model.factor
    for name, size in sizes.items():
        if size % factor:
            lower = max(factor, size // factor * factor)
            raise UserError(
                f"{name} = {size}: must be a multiple of {factor} for this model, "
                f"such as {lower} or {(size // factor + 1) * factor}"
            )
    return sizes


def native_size(model: LatentDiffusion) -> tuple[int, int]:
    """The width and height that a model was trained for."""
    side = model.unet.config.sample_size
    if side is None:
        raise UserError(f'width and height: model "{model.name}" has none of its own; give both')
    height, width = (side, side) if isinstance(side, int) else side
    return width * model.factor, height * model.factor
