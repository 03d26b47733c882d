"""Many pictures of one request with some of its fields varied, and the sheet that shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from PIL import Image

from calotype.generate.events import Event
from calotype.generate.labelled import labelled, stacked
from calotype.generate.request import Sweep, TextToImage
from calotype.generate.together import Asked, course, pictures
from calotype.model import LatentDiffusion


@torch.inference_mode()
def sweep(
    model: LatentDiffusion,
    request: Sweep,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> Iterator[Event]:
    """Make the pictures of a sweep, those side by side first that can walk side by side.

    batch_size, deterministic, errors: those of ``together.pictures``.
    """
    alike: dict[TextToImage, list[Asked]] = {}
    for index in range(len(request)):
        alone = request.alone(index)
        alike.setdefault(course(alone), []).append((index, alone))
    asked = [each for group in alike.values() for each in group]
    total = sum(alone.sampling.steps for _, alone in asked)
    yield from pictures(model, asked, total, batch_size, deterministic)


def sheet(request: Sweep, images: Mapping[int, Image.Image]) -> Image.Image:
    """The pictures of a sweep by their number, with the fields' values written beside them."""
    names = [[_told(name, value) for value in values] for name, values in request.over.items()]
    across, down, sheets = [*names, *[[""]] * (3 - len(names))]
    size = len(across) * len(down)
    return stacked(
        [
            labelled(
                [images[number * size + k] for k in range(size)],
                columns=across,
                rows=down,
                title=title,
            )
            for number, title in enumerate(sheets)
        ]
    )


def _told(name: str, value: object) -> str:
    if name in ("prompt", "negative_prompt", "sampler"):
        return str(value)
    return f"{name.replace('_', ' ')} {value}"
