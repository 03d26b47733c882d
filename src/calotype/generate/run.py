"""Run any request: its events, or its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from calotype.generate.events import Event, Picture
from calotype.generate.request import Sweep, TextToImage
from calotype.generate.sweep import sweep
from calotype.generate.text_to_image import text_to_image
from calotype.model import LatentDiffusion

Request = TextToImage | Sweep

JOBS: dict[type[Request], Callable[..., Iterator[Event]]] = {
    TextToImage: text_to_image,
    Sweep: sweep,
}


def events(
    model: LatentDiffusion,
    request: Request,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> Iterator[Event]:
    """What happens while a request is worked on; closing the iterator stops the work.

    batch_size, deterministic: those of ``together.pictures``.
    """
    return JOBS[type(request)](model, request, batch_size, deterministic)


def run(
    model: LatentDiffusion,
    request: Request,
    batch_size: int | None = None,
    deterministic: bool = False,
) -> list[Picture]:
    """The pictures of a request, in order."""
    happened = events(model, request, batch_size, deterministic)
    made = [event for event in happened if isinstance(event, Picture)]
    return sorted(made, key=lambda picture: picture.index)
