"""Faults that the published trainings of first stages had, each shown gone."""

from pathlib import Path

import pytest
import torch
from runs import BATCH, run_of

from calotype.autoencoder import Posterior, Quantizer, reconstruction_loss
from calotype.checkpoints.files import read_safetensors
from calotype.diffusion import normal
from calotype.training import TrainSettings, train
from calotype.training.run import make_task
from calotype.training.state import checkpoints


def quiet(what: str, done: int, total: int) -> None:
    """Nobody reads along."""


def test_weights_of_the_loss_mean_the_same_at_every_size() -> None:
    """Theirs adds the divergence up over places and takes the codebook's mean: here all are means.

    Of a picture laid out four times, every term of the loss is that of the picture.
    """
    moments, pictures, other = (
        normal([1, 2], 0, purpose, (6, 8, 8)) for purpose in ("moments", "pictures", "other")
    )
    book = Quantizer(7, 3)

    def terms(times: int) -> list[torch.Tensor]:
        posterior = Posterior.from_moments(moments.repeat(1, 1, times, times))
        means = posterior.mean
        laid, seen = (each.repeat(1, 1, times, times) for each in (pictures, other))
        return [
            posterior.kl() / means[0].numel(),
            book.loss(means, book(means).indices),
            reconstruction_loss(laid, seen, None, 3, "l1"),
            reconstruction_loss(laid, seen, None, 3, "l2"),
        ]

    for once, often in zip(terms(1), terms(2), strict=True):
        torch.testing.assert_close(often, once)


def test_one_pass_a_step_for_both_sides(folder: Path, tmp_path: Path) -> None:
    """Theirs encodes every batch twice, once for each optimiser."""
    table = run_of("adversarial", folder, tmp_path, 8, tmp_path).model_dump()
    table["autoencoder"] |= {"discriminator_start": 0, "adversarial_start": 0}
    task = make_task(TrainSettings.model_validate(table), quiet)
    calls: list[int] = []
    task.network["autoencoder"].encoder.register_forward_hook(lambda *_: calls.append(1))
    loss = task.loss(task.assemble([0, 1], [0, 0], torch.tensor([4, 5])))
    assert {"adversarial", "discriminator"} <= loss.metrics.keys()
    assert len(calls) == 1


def test_a_discriminator_that_waits_does_not_move(folder: Path, tmp_path: Path) -> None:
    """Theirs takes steps by a loss of zero, and its norms follow the pictures."""
    table = run_of("adversarial", folder, tmp_path / "run", 4 * BATCH, tmp_path).model_dump()
    table["autoencoder"] |= {"discriminator_start": 2 * BATCH, "adversarial_start": 2 * BATCH}
    settings = TrainSettings.model_validate(table)
    start = make_task(settings, quiet).network.state_dict()
    list(train(settings))
    moved = []
    for path in checkpoints(settings.out):
        found = read_safetensors(path)
        theirs = [name for name in start if name.startswith("discriminator.")]
        moved.append(any(not torch.equal(found[f"weights:{n}"], start[n]) for n in theirs))
    assert theirs
    assert moved == [False, False, True, True]


@pytest.mark.parametrize("kind", ["adversarial", "codebook by ema"])
def test_what_only_the_training_needs_stays_there(kind: str, folder: Path, tmp_path: Path) -> None:
    """Theirs saves VGG16 and the discriminator inside the autoencoder."""
    settings = run_of(kind, folder, tmp_path / "run", 4 * BATCH, tmp_path)
    table = settings.model_dump()
    table["autoencoder"] |= {"features": "scenes"}
    list(train(TrainSettings.model_validate(table)))
    names = read_safetensors(settings.out / "model/vae/diffusion_pytorch_model.safetensors").keys()
    parts = {name.split(".")[0] for name in names}
    assert parts <= {"encoder", "decoder", "quant_conv", "post_quant_conv", "quantize"}
    assert not any("features" in name for name in read_safetensors(checkpoints(settings.out)[-1]))
