"""The loss of a run: every part has its weight, every setting its effect."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import BATCH, diffusion_run, run_of

from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.diffusion import training_loss
from calotype.training import TrainSettings, train
from calotype.training.noise_and_timesteps import added_noise, even_timesteps
from calotype.training.run import make_task
from calotype.training.state import checkpoints
from calotype.training.tasks.diffusion import DiffusionTask


def quiet(what: str, done: int, total: int) -> None:
    """Nobody reads along."""


SUPERVISED = ("presence", "ground", "shape", "colour", "size", "material", "place")
CODEBOOK = (
    {"codebook_weight": 0.7, "features": "scenes", "perceptual_weight": 0.3},
    {"l1": 1, "perceptual": 0.3, "codebook": 0.7},
    {"perplexity", "used", "revived"},
)
# By kind: settings, the weight of each part in the loss, and what else the journal holds.
LOSSES = {
    "autoencoder": (
        {"kl_weight": 2, "features": "scenes", "perceptual_weight": 0.3},
        {"l1": 1, "perceptual": 0.3, "kl": 2},
        set(),
    ),
    "adversarial": (
        {"kl_weight": 2},
        {"l1": 1, "kl": 2, "discriminator": 1},
        {"adversarial", "adaptive_weight", "adversary_norm"},
    ),
    "codebook": CODEBOOK,
    "codebook by ema": CODEBOOK,
    "decoder": ({"perceptual_weight": 0.3}, {"l2": 1, "lpips": 0.3, "kl": 0}, set()),
    "supervised": (
        {"supervision_weight": 0.7},
        {"denoising": 1, **dict.fromkeys(SUPERVISED, 0.7)},
        set(),
    ),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_the_loss_is_its_parts_each_at_its_weight(
    kind: str, folder: Path, autoencoder: Path, lpips: dict[str, Path], tmp_path: Path
) -> None:
    """By the journal, which has all parts; the adversary's weight grows from its start."""
    own, weights, others = LOSSES[kind]
    table = run_of(kind, folder, tmp_path / "run", 9 * BATCH, autoencoder).model_dump()
    table["task"] |= own
    if kind == "decoder":
        table["task"] |= lpips
    list(islice(train(TrainSettings.model_validate(table)), 4))
    lines = [json.loads(line) for line in (tmp_path / "run/journal.jsonl").open()]
    for line in lines:
        parts = {name: weight * line.get(name, 0) for name, weight in weights.items()}
        before = line["samples"] - BATCH
        if kind == "adversarial" and before >= 4:
            ramp = (before - 4 + 1) / 4
            parts["adversarial"] = ramp * 0.5 * line["adaptive_weight"] * line["adversarial"]
        # They are added in float32.
        assert line["loss"] == pytest.approx(sum(parts.values()), rel=1e-5, abs=1e-5)
    named = {"samples", "loss", "gradient_norm"} | weights.keys() | others
    assert lines[-1].keys() == named


@pytest.mark.parametrize("own", [{"norm": "l2"}, {"scales": 1}])
def test_a_setting_of_the_likeness_is_heard(
    own: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    def loss(changes: dict[str, Any]) -> float:
        table = run_of("autoencoder", folder, tmp_path, 8, tmp_path).model_dump()
        table["task"] |= changes
        task = make_task(TrainSettings.model_validate(table), quiet)
        return task.loss(task.assemble([0, 1], [0, 0], torch.arange(2))).total.item()

    assert loss(own) != pytest.approx(loss({}), rel=0.01)


def diffusion(folder: Path, out: Path, **own: Any) -> DiffusionTask:
    """A run in pixels, whose UNet already does something."""
    table = diffusion_run(folder, out, 8, Path("pixels")).model_dump()
    table["task"] |= own
    task = make_task(TrainSettings.model_validate(table), quiet)
    assert isinstance(task, DiffusionTask)
    for weight in (weight for weight in task.model.unet.parameters() if weight.ndim > 1):
        torch.nn.init.xavier_normal_(weight)
    return task


PLAIN: dict[str, Any] = {
    "prediction": "v_prediction",
    "weighting": "uniform",
    "offset_noise": 0.0,
    "timestep_shift": 1.0,
    "timestep_density": "uniform",
}


@pytest.mark.parametrize(
    "own",
    [
        {"prediction": "epsilon"},
        {"weighting": "min_snr"},
        {"weighting": "p2"},
        {"offset_noise": 0.5},
        {"timestep_shift": 5.0},
        {"timestep_density": "logit_normal"},
    ],
)
def test_a_setting_of_the_diffusion_is_heard(
    own: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    """The loss of a batch is the one that these settings mean, and another than without them."""
    task, positions = diffusion(folder, tmp_path, caption_dropout=0, **own), torch.arange(2)
    batch = task.assemble([0, 1], [0, 0], positions)
    assert batch.moments is not None
    pictures = batch.moments

    def loss(settings: dict[str, Any]) -> torch.Tensor:
        shift, density = settings["timestep_shift"], settings["timestep_density"]
        return training_loss(
            task.model.unet,
            task.model.scheduler.schedule,
            settings["prediction"],
            pictures,
            even_timesteps(positions, task.settings.seed, 1000, shift, density),
            added_noise(
                positions, task.settings.seed, pictures.shape[1:], settings["offset_noise"]
            ),
            task.model.conditioner(batch.known),
            settings["weighting"],
        ).mean()

    found = task.loss(batch).total
    torch.testing.assert_close(found, loss(PLAIN | own))
    assert not torch.isclose(found, loss(PLAIN), rtol=0.01)


@pytest.mark.parametrize("share", [0, 1])
def test_captions_that_are_left_out_say_nothing(share: int, folder: Path, tmp_path: Path) -> None:
    task = diffusion(folder, tmp_path, caption_dropout=share)
    batch = task.assemble([0, 1], [0, 0], torch.arange(2))
    other = replace(batch, known={"captions": ("a blue bar", "number 9")})
    assert torch.equal(task.loss(batch).total, task.loss(other).total) is bool(share)


@pytest.mark.parametrize("kind", ["autoencoder", "adversarial", "codebook", "diffusion"])
def test_steps_in_half_precision_leave_whole_weights(
    kind: str, folder: Path, autoencoder: Path, tmp_path: Path
) -> None:
    """The networks compute in it; what is kept of them is in float32, and finite."""
    kept = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        table = run_of(kind, folder, out, 9 * BATCH, autoencoder).model_dump()
        table["loop"]["precision"] = precision
        list(islice(train(TrainSettings.model_validate(table)), 3))  # the adversary is heard
        state = read_safetensors(checkpoints(out)[-1])
        kept[precision] = {name: tensor for name, tensor in state.items() if ":" in name}
    for name, tensor in kept["bf16"].items():
        assert tensor.dtype == torch.float32, name
        assert tensor.isfinite().all(), name
    assert not all(torch.equal(kept["fp32"][name], tensor) for name, tensor in kept["bf16"].items())
