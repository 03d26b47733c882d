"""State: all that the next step of a run depends on, in one checkpoint file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from calotype.checkpoints.files import write_safetensors
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.errors import UserError

PARTS = ("weights", "ema", "optimizer")
PICTURES = "pictures"


@dataclass(frozen=True)
class State:
    """All of a run after some samples.

    samples: how many were seen.
    weights, ema, optimizer: tensors by name.
    pictures: how many there were to learn from; None in files of older versions.
    """

    samples: int
    weights: Mapping[str, Tensor]
    ema: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    pictures: int | None


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoint files of a run, oldest first."""
    found = folder.glob("checkpoints/*.safetensors")
    return sorted(path for path in found if path.stem.isdecimal())


def save_state(folder: Path, state: State, keep: int) -> Path:
    """Write a checkpoint whole or not at all, then remove all but the ``keep`` newest."""
    path = folder / "checkpoints" / f"{state.samples:010d}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{part}:{name}": tensor for part in PARTS for name, tensor in getattr(state, part).items()
    }
    if state.pictures is not None:
        tensors[PICTURES] = torch.tensor(state.pictures)
    write_safetensors(path, tensors)
    for old in checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def load_state(path: Path) -> State:
    """Read a checkpoint back; raises UserError for a broken or foreign file."""
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in PARTS}
    found = dict(read_safetensors(path))
    pictures = int(found.pop(PICTURES)) if PICTURES in found else None
    for key, tensor in found.items():
        part, _, name = key.partition(":")
        if part not in parts:
            raise UserError(f'{path}: not the checkpoint of a run: it holds "{key}"')
        parts[part][name] = tensor
    return State(int(path.stem), **parts, pictures=pictures)


def set_aside(path: Path) -> None:
    """Rename a checkpoint that can't be read, so that it is not found again."""
    path.rename(path.with_suffix(".torn"))
