"""What a picture says of itself: the `parameters` text that others read, and the whole request."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import IO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from calotype import __version__
from calotype.errors import UserError
from calotype.generate.names import TOLD_SAMPLERS, told_schedule
from calotype.generate.request import TextToImage
from calotype.settings import validated

CHUNK = "calotype"
EMPHASIS = {"a1111": None, "comfy": "Comfy", "none": "None"}
"""What stands in the text for each weighting; nothing for the usual one."""


def parameters(request: TextToImage, model: str) -> str:
    """The text that AUTOMATIC1111's web UI and its readers expect, for a request of one picture.

    The prompt; a ``Negative prompt:`` line if there is one; then ``Key: value`` pairs in one line.
    """
    sampling = request.sampling
    varied = sampling.variation_strength > 0
    pairs = {
        "Steps": sampling.steps,
        "Sampler": TOLD_SAMPLERS[sampling.sampler],
        "Schedule type": told_schedule(sampling.sampler, sampling.schedule),
        "CFG scale": f"{sampling.guidance_scale:.12g}",
        "Seed": sampling.seed,
        "Size": f"{request.width}x{request.height}",
        "Model": model,
        "Clip skip": request.clip_skip if request.clip_skip > 1 else None,
        "Emphasis": EMPHASIS[request.weighting],
        "Variation seed": sampling.variation_seed if varied else None,
        "Variation seed strength": f"{sampling.variation_strength:.12g}" if varied else None,
        "RNG": {"philox": "Philox", "torch": "CPU", "nv": "NV"}[sampling.noise],
        "Eta": None if sampling.eta is None else f"{sampling.eta:.12g}",
        "CFG rescale": f"{sampling.guidance_rescale:.12g}" if sampling.guidance_rescale else None,
        "Guidance start": f"{sampling.guidance_start:.12g}" if sampling.guidance_start else None,
        "Guidance end": f"{sampling.guidance_end:.12g}" if sampling.guidance_end < 1 else None,
        "Threshold": None if sampling.threshold is None else f"{sampling.threshold:.12g}",
        "Version": f"calotype {__version__}",
    }
    told = [f"{key}: {_quoted(str(value))}" for key, value in pairs.items() if value is not None]
    negative = [f"Negative prompt: {request.negative_prompt}"] if request.negative_prompt else []
    return "\n".join([request.prompts[0], *negative, ", ".join(told)])


def _quoted(value: str) -> str:
    risky = any(mark in value for mark in ',:\n"')
    return json.dumps(value, ensure_ascii=False) if risky else value


def png(image: Image.Image, request: TextToImage, model: str) -> bytes:
    """A PNG file of the picture with both texts inside."""
    info = PngInfo()
    info.add_text("parameters", parameters(request, model))
    record = {"version": __version__, "model": model, "request": request.model_dump(mode="json")}
    info.add_text(CHUNK, json.dumps(record))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def read_request(picture: str | Path | IO[bytes]) -> TextToImage:
    """The request inside a picture file of ours; raises UserError if there is none."""
    name = picture if isinstance(picture, str | Path) else "picture"
    try:
        with Image.open(picture) as image:
            record = json.loads(image.info[CHUNK])
            return validated(TextToImage, record["request"], where=f"{name}: ")
    except OSError as error:
        raise UserError(f"{name}: cannot be read as a picture: {error}") from None
    except (KeyError, TypeError, json.JSONDecodeError):
        raise UserError(f"{name}: holds no request: it was not made by calotype") from None
