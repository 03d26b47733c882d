"""A run's model with an average of another length, made when the run is over."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from runs import BATCH, autoencoder_run

from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.cli.app import main
from calotype.errors import UserError
from calotype.training import TrainSettings, train
from calotype.training.posthoc import target_profile
from calotype.training.state import checkpoints

STEPS = 12


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that kept a checkpoint of every step."""
    out = tmp_path_factory.mktemp("average") / "run"
    table = autoencoder_run(folder, out, STEPS * BATCH).model_dump()
    table["loop"] |= {"ema_halflife": 1, "save_every": BATCH, "keep": STEPS}
    list(train(TrainSettings.model_validate(table)))
    return out


@pytest.mark.parametrize("halflife", [1, 7, 10_000])
def test_it_is_the_average_of_the_weights(run: Path, halflife: int, tmp_path: Path, capsys) -> None:
    """Of those after each step, each half as much ``halflife`` samples earlier."""
    out = tmp_path / "made"
    assert main(["average", str(run), str(out), "--halflife", str(halflife)]) == 0
    output, err = capsys.readouterr()
    assert output.strip() == str(out)
    assert "error of the average: 0.0%" in err
    parts = target_profile(halflife, range(BATCH, STEPS * BATCH + 1, BATCH))[1:]
    steps = [read_safetensors(path) for path in checkpoints(run)]
    made = read_safetensors(out / "vae/diffusion_pytorch_model.safetensors")
    decoder = [name for name in made if name.startswith("decoder.")]
    assert decoder
    for name in decoder:  # no scale of latents is folded into it
        weights = torch.stack([step[f"weights:autoencoder.{name}"].double() for step in steps])
        expected = (torch.from_numpy(parts).view(-1, *(1,) * (weights.ndim - 1)) * weights).sum(0)
        # Averages are kept in fp32, weights are below 1 and factors below 2.
        torch.testing.assert_close(made[name].double(), expected, atol=1e-6, rtol=0)


def test_mistakes(run: Path, tmp_path: Path, capsys) -> None:
    def fails(run: Path, out: Path, halflife: int) -> str:
        assert main(["average", str(run), str(out), "--halflife", str(halflife)]) == 2
        return capsys.readouterr().err

    made = tmp_path / "made"
    assert "--halflife = 0: must be 1 or more" in fails(run, made, 0)
    assert "settings.json" in fails(tmp_path, made, 9)
    assert "exists already" in fails(run, tmp_path, 9)
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for path in checkpoints(copy)[:-1]:
        path.unlink()
    assert f"checkpoints after {STEPS * BATCH} samples" in fails(copy, made, 10_000)
    journal = copy / "journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    assert "lacks steps up to the checkpoints" in fails(copy, made, 1)
    assert not made.exists()


def test_a_torn_checkpoint_is_told_and_left_out(run: Path, tmp_path: Path, capsys) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    newest = checkpoints(copy)[-1]
    os.truncate(newest, newest.stat().st_size - 1)
    assert main(["average", str(copy), str(tmp_path / "made"), "--halflife", "4"]) == 0
    assert "not whole" in capsys.readouterr().err


def test_going_on_with_another_length_is_refused(folder: Path, tmp_path: Path) -> None:
    """Averages of two lengths in one run could be neither continued nor mixed."""
    for halflife, samples in ((5, BATCH), (6, 2 * BATCH)):
        table = autoencoder_run(folder, tmp_path / "run", samples).model_dump()
        table["loop"] |= {"ema_halflife": halflife}
        settings = TrainSettings.model_validate(table)
        if halflife == 5:
            list(train(settings))
    with pytest.raises(UserError, match=r"loop.ema_halflife was 5"):
        list(train(settings, resume=True))
