"""Settings of tiny runs of every task."""

from pathlib import Path

from calotype.training import TrainSettings

BATCH = 2
KINDS = ("autoencoder", "adversarial", "diffusion", "features", "reader")


def run_of(kind: str, folder: Path, out: Path, samples: int, autoencoder: Path) -> TrainSettings:
    """A run of one of ``KINDS``."""
    if kind == "diffusion":
        return diffusion_run(folder, out, samples, autoencoder)
    settings = autoencoder_run(folder, out, samples)
    if kind == "autoencoder":
        return settings
    table = settings.model_dump()
    if kind == "adversarial":
        starts = {"discriminator_start": 2, "adversarial_start": 4, "adversarial_ramp": 4}
        table["autoencoder"] |= {"adversarial_weight": 0.5, **starts}
    else:
        table |= {"task": kind, "autoencoder": None}
        table["data"] = {"source": "scenes", "count": 3, "size": 128 if kind == "reader" else 32}
    return TrainSettings.model_validate(table)


def autoencoder_run(folder: Path, out: Path, samples: int) -> TrainSettings:
    return TrainSettings.model_validate(
        {
            "task": "autoencoder",
            "out": out,
            "data": {"source": str(folder), "size": 32},
            "loop": {"samples": samples, "batch_size": BATCH, "save_every": 2, "keep": 9},
            "optimizer": {"warmup": 0, "decay": "constant"},
            "autoencoder": {"preset": "tiny"},
        }
    )


def diffusion_run(folder: Path, out: Path, samples: int, autoencoder: Path) -> TrainSettings:
    settings = autoencoder_run(folder, out, samples).model_dump(exclude={"autoencoder"})
    return TrainSettings.model_validate(
        settings
        | {
            "task": "diffusion",
            "diffusion": {"preset": "tiny", "autoencoder": autoencoder, "vocabulary": 600},
        }
    )
