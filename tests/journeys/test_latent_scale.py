"""A latent scale far from 1 is reported before a training begins, with one that fits."""

import json
import shutil
from pathlib import Path

import pytest
from runs import BATCH, diffusion_run

from calotype.training import train


@pytest.mark.parametrize("factor", [0.1, 1.0, 4.4])
def test_a_scale_far_from_one_is_told(
    factor: float, folder: Path, autoencoder: Path, tmp_path: Path
) -> None:
    """The fixture's latents have deviation 1; the reported scale restores it."""
    own = shutil.copytree(autoencoder, tmp_path / "vae")
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config | {"scaling_factor": factor}))
    notes: list[str] = []
    list(train(diffusion_run(folder, tmp_path / "run", BATCH, own), note=notes.append))
    if factor == 1:
        assert notes == []
        return
    (note,) = notes
    fitting = float(note.split('"scaling_factor": ')[1].split()[0])
    # A channel has its own mean and deviation when an autoencoder is exported, all one here.
    assert fitting == pytest.approx(1, rel=0.01)
    assert f"a deviation of {factor:.2g}" in note
