"""Settings of tiny runs of every task."""

from pathlib import Path
from typing import Any

from calotype.settings import validated
from calotype.training import TrainSettings

BATCH = 2
KINDS = (
    "autoencoder",
    "adversarial",
    "codebook",
    "codebook by ema",
    "decoder",
    "text",
    "diffusion",
    "pixels",
    "supervised",
    "features",
    "reader",
    "maps",
)


def run_of(kind: str, folder: Path, out: Path, samples: int, autoencoder: Path) -> TrainSettings:
    """A run of one of ``KINDS``."""
    if kind in ("diffusion", "pixels", "supervised"):
        first_stage = Path("pixels") if kind == "pixels" else autoencoder
        settings = diffusion_run(folder, out, samples, first_stage, 16 if kind == "pixels" else 32)
        return supervised(settings) if kind == "supervised" else settings
    settings = autoencoder_run(folder, out, samples)
    if kind == "autoencoder":
        return settings
    if kind == "adversarial":
        starts = {"discriminator_start": 2, "adversarial_start": 4, "adversarial_ramp": 4}
        return changed(settings, task={"adversarial_weight": 0.5, **starts})
    if kind in ("codebook", "codebook by ema"):
        moved = "gradient" if kind == "codebook" else "ema"
        return changed(settings, task={"preset": "compression-vq", "codebook": moved})
    if kind == "decoder":
        alone = {"start": autoencoder, "decoder_only": True, "norm": "l2"}
        return changed(settings, task=alone)
    own = {"preset": "tiny", "vocabulary": 600} if kind == "text" else {}
    size = 128 if kind in ("reader", "maps") else 32
    table = settings.model_dump()
    table["task"] = {"kind": kind, **own}
    table["data"] = {"source": "scenes", "count": 3, "size": size}
    return TrainSettings.model_validate(table)


def autoencoder_run(folder: Path, out: Path, samples: int) -> TrainSettings:
    return validated(
        TrainSettings,
        {
            "task": "autoencoder",
            "out": out,
            "data": {"source": str(folder), "size": 32},
            "loop": {"samples": samples, "batch_size": BATCH, "save_every": 2, "keep": 9},
            "optimizer": {"warmup": 0, "decay": "constant"},
            "autoencoder": {"preset": "tiny"},
        },
    )


def diffusion_run(
    folder: Path, out: Path, samples: int, autoencoder: Path, size: int = 32
) -> TrainSettings:
    table = autoencoder_run(folder, out, samples).model_dump()
    table["data"]["size"] = size
    own = {"preset": "tiny", "autoencoder": autoencoder, "vocabulary": 600}
    return TrainSettings.model_validate({**table, "task": {"kind": "diffusion", **own}})


def supervised(settings: TrainSettings) -> TrainSettings:
    """The run on scenes instead, with a head that predicts what is in them."""
    table = settings.model_dump()
    table["data"] = {"source": "scenes", "count": 6, "size": 32}
    table["task"] |= {"supervision_weight": 0.1}
    return TrainSettings.model_validate(table)


def changed(settings: TrainSettings, **tables: dict[str, Any]) -> TrainSettings:
    """The settings with other values of some keys, by table."""
    found = settings.model_dump()
    for name, table in tables.items():
        found[name] |= table
    return TrainSettings.model_validate(found)
