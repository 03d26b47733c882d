"""Settings of tiny runs of both tasks."""

from pathlib import Path

from calotype.training import TrainSettings

BATCH = 2


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
