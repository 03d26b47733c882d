"""Sweep: pictures of one request with some of its fields varied."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from calotype.generate.batching import IndexedRequest, batch_key, check, pictures
from calotype.generate.events import Event
from calotype.generate.request import Sweep, TextToImage
from calotype.model import LatentDiffusion


@torch.inference_mode()
def sweep(
    model: LatentDiffusion,
    request: Sweep,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> Iterator[Event]:
    """Make the pictures of a sweep, those side by side first that can walk side by side.

    batch_size, deterministic, errors: those of ``together.pictures``, the errors before any picture
        is made.
    """
    alike: dict[TextToImage, list[IndexedRequest]] = {}
    for index in range(len(request)):
        alone = request.single(index)
        alike.setdefault(batch_key(alone), []).append((index, alone))
    asked = [each for group in alike.values() for each in group]
    for group in alike.values():
        check(model, group[0][1])
    total = sum(alone.sampling.steps for _, alone in asked)
    yield from pictures(model, asked, total, batch_size, deterministic)
