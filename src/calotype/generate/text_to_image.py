"""Pictures from words."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from calotype.generate.batching import pictures
from calotype.generate.events import Event
from calotype.generate.request import TextToImage
from calotype.model import LatentDiffusion


@torch.inference_mode()
def text_to_image(
    model: LatentDiffusion,
    request: TextToImage,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> Iterator[Event]:
    """Make the pictures of a request, telling what happens on the way.

    batch_size, deterministic, errors: those of ``together.pictures``.
    """
    alone = map(request.single, range(len(request)))
    total = len(request) * request.sampling.steps
    yield from pictures(model, enumerate(alone), total, batch_size, deterministic)
