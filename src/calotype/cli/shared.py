"""The options that commands share, each said once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from calotype.names import DtypeName, Format, Prediction

if TYPE_CHECKING:
    from calotype.model import LatentDiffusion

ModelName = Annotated[
    str,
    Parameter(
        help="A packaged model's name, a folder in the diffusers layout, a file .safetensors or "
        ".ckpt, or a hub id, owner/name[@revision]."
    ),
]
DeviceName = Annotated[str, Parameter(help="Where to compute: auto, cpu, cuda, cuda:1, mps, ...")]
OutputFolder = Annotated[
    Path,
    Parameter(
        help="Folder for the pictures, NNNNN-SEED and their format; nothing in it is overwritten."
    ),
]


@Parameter(name="*")
@dataclass(frozen=True)
class Variant:
    """What of a model is not taken as its files have it."""

    vae: str | None = None
    """Another autoencoder, from a folder or a file."""

    ema: bool = False
    """The running average of the UNet's weights, of a training checkpoint."""

    prediction: Prediction | None = None
    """What the UNet predicts, where the file is wrong or says nothing."""


@Parameter(name="*")
@dataclass(frozen=True)
class Loading(Variant):
    """How a model is loaded: which variant of it, to where, in which numbers."""

    device: DeviceName = "auto"

    dtype: DtypeName | None = None
    """Numbers that the networks compute in; by default as the device does best."""

    def load(self, model: str) -> LatentDiffusion:
        """The model of that name, folder, file or hub id; UserError where it cannot be loaded."""
        from calotype.checkpoints import load
        from calotype.cli.device import device_named, dtype_named

        where = device_named(self.device), dtype_named(self.dtype)
        return load(model, *where, vae=self.vae, ema=self.ema, prediction=self.prediction)


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """How pictures are made and kept, whatever they show."""

    out: OutputFolder = Path("pictures")

    format: Format = "png"
    """png, which keeps every bit, or the smaller jpeg and webp; of a sheet always png."""

    batch_size: int | None = None
    """Pictures made side by side; by default as many as suits their size."""

    deterministic: bool = False
    """One by one, so that on a CPU each picture is the same to the last bit whatever else is asked
    for, and ``calotype replay`` can make it again."""
