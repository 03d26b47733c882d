"""A model's name, path or hub id -> its folder or file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from calotype.checkpoints.hub import fetch, is_id
from calotype.errors import UserError, nearest

MODELS = {"scenes": Path(__file__).parents[1] / "weights" / "scenes"}
"""The models in the package, by name."""


def find(model: str | Path) -> Path:
    """The folder or file of a model's name, path or hub id; raises UserError if there is none."""
    if str(model) in MODELS:
        return MODELS[str(model)]
    path = Path(model)
    with suppress(OSError):  # a name that is too long for a path
        if path.exists():
            return path
    if is_id(str(model)):
        return fetch(str(model))
    known = ", ".join(f'"{name}"' for name in MODELS)
    raise UserError(
        f'model "{model}": not a folder or file here, not a known name ({known}) and no hub id '
        f"(owner/name){nearest(str(model), MODELS)}"
    )
