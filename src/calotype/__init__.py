"""Calotype: latent diffusion, whole.

    import calotype

    model = calotype.load("scenes")
    request = calotype.Request(prompt="a small red cube on a wooden floor")
    calotype.run(model, request)[0].save("cube.png")

Importing this package costs almost nothing: each name below loads its module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from calotype.names import VERSION as __version__  # noqa: F401

if TYPE_CHECKING:
    from calotype.checkpoints import load, save
    from calotype.errors import UserError
    from calotype.generate.events import Event, Picture, Preview, Progress
    from calotype.generate.metadata import read_request
    from calotype.generate.request import Request, Sampling, Sweep, TextToImage
    from calotype.generate.run import events, run

_HOMES = {
    "Event": "calotype.generate.events",
    "Picture": "calotype.generate.events",
    "Preview": "calotype.generate.events",
    "Progress": "calotype.generate.events",
    "Request": "calotype.generate.request",
    "Sampling": "calotype.generate.request",
    "Sweep": "calotype.generate.request",
    "TextToImage": "calotype.generate.request",
    "UserError": "calotype.errors",
    "events": "calotype.generate.run",
    "load": "calotype.checkpoints",
    "read_request": "calotype.generate.metadata",
    "run": "calotype.generate.run",
    "save": "calotype.checkpoints",
}

__all__ = [
    "Event",
    "Picture",
    "Preview",
    "Progress",
    "Request",
    "Sampling",
    "Sweep",
    "TextToImage",
    "UserError",
    "events",
    "load",
    "read_request",
    "run",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
