"""Devices and floating types by their names on the command line."""

from __future__ import annotations

import torch

from calotype.errors import UserError, nearest
from calotype.names import DtypeName

TYPES: dict[DtypeName, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def device_named(name: str) -> torch.device:
    """The device called ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...

    ``auto`` is the accelerator if there is one. Raises UserError if there is no such device.
    """
    available = _available()
    if name == "auto":
        last = available[-1]
        return torch.device(last if last == "mps" or len(available) == 1 else "cuda")
    if name in available:
        return torch.device(name)
    found = ", ".join(["auto", *available])
    raise UserError(f'--device = "{name}": this machine has {found}{nearest(name, available)}')


def _available() -> list[str]:
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbered = [f"cuda:{index}" for index in range(cuda)]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *(["cuda", *numbered] if cuda else []), *mps]


def dtype_named(name: DtypeName | None) -> torch.dtype | None:
    """The floating type of that name; None leaves the choice to the loader."""
    return None if name is None else TYPES[name]
