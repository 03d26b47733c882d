"""Faults that the published trainings of first stages had, each shown gone."""

from functools import partial
from pathlib import Path

import pytest
import torch
from runs import BATCH, run_of

from calotype.autoencoder import Norm, autoencoder_of, reconstruction_loss
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.diffusion import normal
from calotype.presets import autoencoder_config
from calotype.training import TrainSettings, train
from calotype.training.run import make_task
from calotype.training.state import checkpoints


def quiet(what: str, done: int, total: int) -> None:
    """Nobody reads along."""


@pytest.mark.parametrize("preset", ["tiny", "compression-vq"])
def test_weights_of_the_loss_mean_the_same_at_every_size(preset: str) -> None:
    """Theirs adds the divergence up over places and takes the codebook's mean: here all are means.

    Of latents that are the same all over, the cost is that of one place.
    """
    autoencoder = autoencoder_of(autoencoder_config(preset))
    assert autoencoder.quant_conv is not None
    torch.nn.init.zeros_(autoencoder.quant_conv.weight)

    def cost(side: int) -> torch.Tensor:
        pictures = normal([1, 2], 0, "pictures", (3, side, side))
        return autoencoder.reconstruct(pictures, partial(normal, [1, 2], 0, "posterior")).cost

    torch.testing.assert_close(cost(64), cost(32))
    assert (cost(32) > 0).all()


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_picture_laid_out_four_times_is_as_far_from_another(norm: Norm) -> None:
    """Theirs adds the error up beside a divergence, and takes its mean beside a codebook."""
    pictures = normal([1, 2], 0, "pictures", (6, 8, 8))
    once, often = (
        reconstruction_loss(tiled, torch.zeros_like(tiled), None, 3, norm)
        for tiled in (pictures, pictures.repeat(1, 1, 2, 2))
    )
    torch.testing.assert_close(often, once)


def test_one_pass_a_step_for_both_sides(folder: Path, tmp_path: Path) -> None:
    """Theirs encodes every batch twice, once for each optimiser."""
    table = run_of("adversarial", folder, tmp_path, 8, tmp_path).model_dump()
    table["task"] |= {"discriminator_start": 0, "adversarial_start": 0}
    task = make_task(TrainSettings.model_validate(table), quiet)
    calls: list[int] = []
    task.network["autoencoder"].encoder.register_forward_hook(lambda *_: calls.append(1))
    loss = task.loss(task.assemble([0, 1], [0, 0], torch.tensor([4, 5])))
    assert {"adversarial", "discriminator"} <= loss.metrics.keys()
    assert len(calls) == 1


def test_an_adversary_that_waits_is_not_weighed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs passes both losses back for its weight at every step, and multiplies it by zero."""
    calls: list[int] = []

    def record_losses(*losses: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return torch.ones(())

    monkeypatch.setattr("calotype.training.adversary.adaptive_weight", record_losses)
    task = make_task(run_of("adversarial", folder, tmp_path, 8, tmp_path), quiet)
    found = [task.loss(task.assemble([0, 1], [0, 0], torch.tensor([k, k + 1]))) for k in (2, 4)]
    active = [{"adversarial", "adaptive_weight"} & loss.metrics.keys() for loss in found]
    assert active == [set(), {"adversarial", "adaptive_weight"}]
    assert len(calls) == 1


def test_a_discriminator_that_waits_does_not_move(folder: Path, tmp_path: Path) -> None:
    """Theirs takes steps by a loss of zero, which its optimiser counts. Nor do weights decay."""
    table = run_of("adversarial", folder, tmp_path / "run", 4 * BATCH, tmp_path).model_dump()
    table["task"] |= {"discriminator_start": 2 * BATCH, "adversarial_start": 2 * BATCH}
    table["optimizer"]["weight_decay"] = 0.1
    settings = TrainSettings.model_validate(table)
    start = make_task(settings, quiet).network.state_dict()
    theirs = [name for name in start if name.startswith("discriminator.")]
    list(train(settings))
    moved, stepped = [], []
    for path in checkpoints(settings.out):
        found = read_safetensors(path)
        moved.append(any(not torch.equal(found[f"weights:{n}"], start[n]) for n in theirs))
        stepped.append(any(name.startswith("optimizer:discriminator.") for name in found))
    assert moved == stepped == [False, False, True, True]


@pytest.mark.parametrize(
    ("kind", "judge", "parts"),
    [
        ("adversarial", "features", {"autoencoder", "discriminator"}),
        ("codebook by ema", "features", {"autoencoder", "codebook"}),
        ("autoencoder", "lpips", {"autoencoder"}),
    ],
)
def test_what_only_the_training_needs_stays_there(
    kind: str, judge: str, parts: set[str], folder: Path, lpips: dict[str, Path], tmp_path: Path
) -> None:
    """Theirs saves VGG16 and the discriminator inside the autoencoder.

    A checkpoint holds what trains, and never a network that only judges.
    """
    settings = run_of(kind, folder, tmp_path / "run", 2 * BATCH, tmp_path)
    table = settings.model_dump()
    table["task"] |= lpips if judge == "lpips" else {"features": "scenes"}
    list(train(TrainSettings.model_validate(table)))
    names = read_safetensors(settings.out / "model/vae/diffusion_pytorch_model.safetensors").keys()
    exported = {name.split(".")[0] for name in names}
    assert exported <= {"encoder", "decoder", "quant_conv", "post_quant_conv", "quantize"}
    kept = read_safetensors(checkpoints(settings.out)[-1]).keys()
    assert {name.split(":")[1].split(".")[0] for name in kept if ":" in name} == parts
