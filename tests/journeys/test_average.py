"""A run's model with an average of another length, made when the run is over."""

from pathlib import Path

import pytest
import torch
from runs import BATCH, autoencoder_run

from calotype.checkpoints.files import read_safetensors
from calotype.cli.app import main
from calotype.training import TrainSettings, train
from calotype.training.posthoc import wished
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
    told, err = capsys.readouterr()
    assert told.strip() == str(out)
    assert "within 0.0%" in err
    parts = wished(halflife, range(BATCH, STEPS * BATCH + 1, BATCH))[1:]
    steps = [read_safetensors(path) for path in checkpoints(run)]
    made = read_safetensors(out / "vae/diffusion_pytorch_model.safetensors")
    decoder = [name for name in made if name.startswith("decoder.")]
    assert decoder
    for name in decoder:  # no scale of latents is folded into it
        weights = torch.stack([step[f"weights:autoencoder.{name}"].double() for step in steps])
        expected = (torch.from_numpy(parts).view(-1, *(1,) * (weights.ndim - 1)) * weights).sum(0)
        # Averages are kept in fp32, and mixed with factors of some tens.
        torch.testing.assert_close(made[name].double(), expected, atol=1e-5, rtol=1e-5)


def test_mistakes(run: Path, tmp_path: Path, capsys) -> None:
    def fails(run: Path, out: Path, halflife: int) -> str:
        assert main(["average", str(run), str(out), "--halflife", str(halflife)]) == 2
        return capsys.readouterr().err

    made = tmp_path / "made"
    assert "--halflife = 0: must be 1 or more" in fails(run, made, 0)
    assert "settings.json" in fails(tmp_path, made, 9)
    assert "is already there" in fails(run, tmp_path, 9)
    for path in checkpoints(run)[:-1]:
        path.unlink()
    assert f"checkpoints after {STEPS * BATCH} samples" in fails(run, made, 10_000)
    assert not made.exists()
