"""A run's model with an average of another length, made when the run is over."""

from pathlib import Path

import pytest
from runs import BATCH, autoencoder_run
from torch import Tensor, cat

from calotype.checkpoints.files import read_safetensors
from calotype.cli.app import main
from calotype.training import TrainSettings, train

KEPT, WISHED = 2, 6  # samples after which a weight counts half


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same run with one average and with the other."""
    made = []
    for halflife in (KEPT, WISHED):
        out = tmp_path_factory.mktemp("average") / str(halflife)
        table = autoencoder_run(folder, out, 60 * BATCH).model_dump()
        more = {"ema_halflife": halflife, "save_every": 2 * BATCH, "keep": 99}
        table["loop"] |= more | {"preview_every": 10**9}
        list(train(TrainSettings.model_validate(table)))
        made.append(out)
    return made[0], made[1]


def decoder(folder: Path) -> Tensor:
    """All weights of a decoder as one vector: no scale of latents is folded into them."""
    tensors = read_safetensors(folder / "vae/diffusion_pytorch_model.safetensors")
    return cat([tensors[name].flatten() for name in tensors if name.startswith("decoder.")])


def test_it_is_what_the_run_would_have_made(runs, tmp_path: Path, capsys) -> None:
    """Nearer by far than the average that was kept."""
    shorter, longer = (decoder(run / "model") for run in runs)
    assert main(["average", str(runs[0]), str(tmp_path / "made"), "--halflife", str(WISHED)]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "made")
    assert "nearest to that average within" in err
    assert (decoder(tmp_path / "made") - longer).norm() < (shorter - longer).norm() / 10


def test_the_same_length_is_the_same_model(runs, tmp_path: Path) -> None:
    assert main(["average", str(runs[0]), str(tmp_path / "made"), "--halflife", str(KEPT)]) == 0
    difference = decoder(tmp_path / "made") - decoder(runs[0] / "model")
    assert difference.abs().max() < 1e-6


def test_mistakes(runs, tmp_path: Path, capsys) -> None:
    def fails(run: Path, out: Path, halflife: int) -> str:
        assert main(["average", str(run), str(out), "--halflife", str(halflife)]) == 2
        return capsys.readouterr().err

    made = tmp_path / "made"
    assert f"--halflife = 1: the run averaged over {KEPT}" in fails(runs[0], made, 1)
    assert "settings.json" in fails(tmp_path, made, 9)
    assert "is already there" in fails(runs[0], tmp_path, 9)
    assert not made.exists()
