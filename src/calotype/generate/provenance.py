"""Provenance: the model, versions and device that a picture was made with."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field

from calotype.checkpoints.hashes import model_hash
from calotype.model import LatentDiffusion
from calotype.names import VERSION

ShortText = Annotated[str, Field(max_length=1_000)]


class Provenance(BaseModel):
    """What must be equal, beside the request, for a picture to come out bit for bit.

    model: its name. model_hash, vae_hash: see ``checkpoints.hashes``; "" for networks in no file.
    version: of calotype. prediction: the prediction type of the UNet. averaged: whether the
    UNet's weights were the running average. threads: of the CPU; sums are split over them.
    deterministic: whether pictures were made one by one.
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
        """What differs from ``now``, a line each; models are compared by hash if both have one."""
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
    """The provenance of pictures that this model makes in this process."""
    own = set(model.files)
    vae = [path for path in model.vae_files if path not in own]
    return Provenance(
        model=model.name[:1_000],
        model_hash=model_hash(model.files),
        vae_hash=model_hash(vae),
        version=VERSION,
        torch=torch.__version__,
        device=_device_name(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        prediction=model.scheduler.prediction_type,
        averaged=model.averaged,
        threads=torch.get_num_threads(),
        deterministic=deterministic,
    )


def _device_name(device: torch.device) -> str:
    """A device's type, and the name of the GPU if it is one."""
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return device.type
