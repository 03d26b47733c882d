"""Networks that a run uses and doesn't train stay unchanged, or the run does not continue."""

import shutil
from pathlib import Path

import pytest
from runs import BATCH, diffusion_run
from safetensors.torch import load_file, save_file

from calotype.errors import UserError
from calotype.training import train


def test_another_autoencoder_in_the_same_place(
    folder: Path, autoencoder: Path, tmp_path: Path
) -> None:
    """As where its own run went on meanwhile: a latent would mean something else from here on."""
    own = shutil.copytree(autoencoder, tmp_path / "vae")
    settings = diffusion_run(folder, tmp_path / "run", 2 * BATCH, own)
    steps = iter(train(settings))
    next(steps)
    steps.close()
    (weights,) = own.glob("*.safetensors")
    first = weights.read_bytes()
    tensors = load_file(weights)
    name = "decoder.conv_out.bias"
    save_file({**tensors, name: tensors[name] + 1e-3}, weights)
    with pytest.raises(UserError, match=r"diffusion\.autoencoder holds another network than when"):
        list(train(settings, resume=True))
    weights.write_bytes(first)
    *_, last = train(settings, resume=True)
    assert last.samples == 2 * BATCH
