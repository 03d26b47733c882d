"""The options that several commands share."""

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
    """What of a model is replaced when its files are read."""

    vae: str | None = None
    """Another autoencoder, from a folder or a file."""

    ema: bool = False
    """Use the running average (EMA) of the UNet's weights in a training checkpoint."""

    prediction: Prediction | None = None
    """What the UNet predicts, for a file that does not state it or is wrong."""


@Parameter(name="*")
@dataclass(frozen=True)
class Loading(Variant):
    """How a model is loaded: its variant, device and floating type."""

    device: DeviceName = "auto"

    dtype: DtypeName | None = None
    """Floating type of the computation; by default the best of the device."""

    def load(self, model: str) -> LatentDiffusion:
        """The model of that name, folder, file or hub id; UserError if it cannot be loaded."""
        from calotype.checkpoints import load
        from calotype.cli.device import device_named, dtype_named

        where = device_named(self.device), dtype_named(self.dtype)
        return load(model, *where, vae=self.vae, ema=self.ema, prediction=self.prediction)


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """How pictures are computed and written."""

    out: OutputFolder = Path("pictures")

    format: Format = "png"
    """Format of the files: png is lossless, jpeg and webp are smaller; a sheet is always png."""

    batch_size: int | None = None
    """Pictures per batch; by default chosen by their size."""

    deterministic: bool = False
    """Make pictures one by one: on a CPU each is the same bit for bit, independent of the others,
    and ``calotype replay`` can make it again."""
