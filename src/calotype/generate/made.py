"""Made: by what a picture was made, beside its request."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field

from calotype import __version__
from calotype.checkpoints.hashes import hash_of
from calotype.model import LatentDiffusion

Told = Annotated[str, Field(max_length=1_000)]


class Made(BaseModel):
    """By what a picture was made: what has to be the same for the same bits.

    model: its name. model_hash, vae_hash: see ``checkpoints.hashes``; "" for one in memory alone.
    version: of calotype. prediction: what the UNet was taken to say. averaged: whether it was the
    running average. threads: of the CPU, on which sums are split. deterministic: whether it was
    made one by one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: Told = ""
    model_hash: Told = ""
    vae_hash: Told = ""
    version: Told = ""
    torch: Told = ""
    device: Told = ""
    dtype: Told = ""
    prediction: Told = ""
    averaged: bool = False
    threads: int | None = Field(default=None, ge=1, le=4096)
    deterministic: bool = False

    def differences(self, now: Made) -> list[str]:
        """What is known and not the same now, in words; the model by its hash, where it has one."""
        names = [name for name in Made.model_fields if name != "deterministic"]
        if self.model_hash and now.model_hash:
            names.remove("model")
        pairs = [(name, getattr(self, name), getattr(now, name)) for name in names]
        return [
            f"{name.replace('_', ' ')} was {then}, is {is_now or 'unknown'}"
            for name, then, is_now in pairs
            if then not in ("", None) and then != is_now
        ]


def made_by(model: LatentDiffusion, deterministic: bool = False) -> Made:
    """What the pictures say that this model makes here and now."""
    own = set(model.files)
    vae = [path for path in model.vae_files if path not in own]
    return Made(
        model=model.name[:1_000],
        model_hash=hash_of(model.files),
        vae_hash=hash_of(vae),
        version=__version__,
        torch=torch.__version__,
        device=_called(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        prediction=model.scheduler.prediction_type,
        averaged=model.averaged,
        threads=torch.get_num_threads(),
        deterministic=deterministic,
    )


def _called(device: torch.device) -> str:
    """A device's kind, and its name where it has one."""
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return device.type
