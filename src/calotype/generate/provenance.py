"""Provenance: by what a picture was made, beside its request."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field

from calotype import __version__
from calotype.checkpoints.hashes import model_hash
from calotype.model import LatentDiffusion

ShortText = Annotated[str, Field(max_length=1_000)]


class Provenance(BaseModel):
    """By what a picture was made: what has to be the same for the same bits.

    model: its name. model_hash, vae_hash: see ``checkpoints.hashes``; "" for one in memory alone.
    version: of calotype. prediction: what the UNet was taken to say. averaged: whether it was the
    running average. threads: of the CPU, on which sums are split. deterministic: whether it was
    made one by one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: ShortText = ""
    model_hash: ShortText = ""
    vae_hash: ShortText = ""
    version: ShortText = ""
    torch: ShortText = ""
    device: ShortText = ""
    dtype: ShortText = ""
    prediction: ShortText = ""
    averaged: bool = False
    threads: int | None = Field(default=None, ge=1, le=4096)
    deterministic: bool = False

    def differences(self, now: Provenance) -> list[str]:
        """What is known and not the same now, in words; the model by its hash, where it has one."""
        names = [name for name in Provenance.model_fields if name != "deterministic"]
        if self.model_hash and now.model_hash:
            names.remove("model")
        pairs = [(name, getattr(self, name), getattr(now, name)) for name in names]
        return [
            f"{name.replace('_', ' ')} was {then}, is {is_now or 'unknown'}"
            for name, then, is_now in pairs
            if then not in ("", None) and then != is_now
        ]


def provenance_of(model: LatentDiffusion, deterministic: bool = False) -> Provenance:
    """What the pictures say that this model makes here and now."""
    own = set(model.files)
    vae = [path for path in model.vae_files if path not in own]
    return Provenance(
        model=model.name[:1_000],
        model_hash=model_hash(model.files),
        vae_hash=model_hash(vae),
        version=__version__,
        torch=torch.__version__,
        device=_device_name(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        prediction=model.scheduler.prediction_type,
        averaged=model.averaged,
        threads=torch.get_num_threads(),
        deterministic=deterministic,
    )


def _device_name(device: torch.device) -> str:
    """A device's kind, and its name where it has one."""
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return device.type
