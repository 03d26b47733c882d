"""Diffusion in pixels, f = 1: the same commands as in latents, from the training to pictures."""

from pathlib import Path

import pytest
import torch
from runs import diffusion_run

import calotype
from calotype.autoencoder import Pixels
from calotype.cli.app import main
from calotype.training import train

SAMPLING = calotype.Sampling(steps=2, seed=3)


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of pixels after one step."""
    out = tmp_path_factory.mktemp("pixels")
    list(train(diffusion_run(folder, out, 2, Path("pixels"))))
    return out / "model"


def test_pictures_are_their_own_latents(model: Path) -> None:
    loaded = calotype.load(model)
    assert isinstance(loaded.autoencoder, Pixels)
    assert loaded.factor == 1
    pictures = torch.rand(2, 3, 8, 8) * 2 - 1
    assert torch.equal(loaded.decode(loaded.encode(pictures)), pictures)
    (picture,) = calotype.run(loaded, calotype.Request(prompt="a flag", sampling=SAMPLING))
    assert picture.image.size == (32, 32)
    half = calotype.load(model, dtype=torch.bfloat16)
    assert half.decode(half.encode(pictures)).shape == pictures.shape


def test_as_one_file_and_back(model: Path, tmp_path: Path, capsys) -> None:
    """The config in the header states what no tensor shows."""
    assert main(["convert", str(model), str(tmp_path / "one.safetensors")]) == 0
    assert main(["convert", str(tmp_path / "one.safetensors"), str(tmp_path / "again")]) == 0
    request = calotype.Request(prompt="a flag", sampling=SAMPLING)
    first, *others = (
        calotype.run(calotype.load(path), request)[0].image
        for path in (model, tmp_path / "one.safetensors", tmp_path / "again")
    )
    assert all(other.tobytes() == first.tobytes() for other in others)


def test_what_there_is_to_say_of_it(model: Path, tmp_path: Path, capsys) -> None:
    assert main(["inspect", str(model)]) == 0
    assert "3 channels, 1/1 of the picture's side" in " ".join(capsys.readouterr().out.split())
    assert main(["inspect", str(model / "vae")]) == 0
    assert main(["verify", str(model)]) == 0
    generate = ["generate", "a flag", "--model", str(model), "--steps", "2", "--seed", "3"]
    assert main([*generate, "--deterministic", "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*.png")
    assert main(["replay", str(path), "--model", str(model), "--out", str(tmp_path / "b")]) == 0
