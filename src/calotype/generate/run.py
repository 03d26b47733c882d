"""Run any request: its events, or its pictures."""

from __future__ import annotations

from collections.abc import Iterator

from calotype.generate.events import Event, Picture
from calotype.generate.request import TextToImage
from calotype.generate.text_to_image import text_to_image
from calotype.model import LatentDiffusion

JOBS = {TextToImage: text_to_image}


def events(
    model: LatentDiffusion, request: TextToImage, batch_size: int | None = None
) -> Iterator[Event]:
    """What happens while a request is worked on; closing the iterator stops the work."""
    return JOBS[type(request)](model, request, batch_size)


def run(
    model: LatentDiffusion, request: TextToImage, batch_size: int | None = None
) -> list[Picture]:
    """The pictures of a request, in order."""
    happened = events(model, request, batch_size)
    return [event for event in happened if isinstance(event, Picture)]
