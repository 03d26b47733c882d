"""The folder that tests of ours start from."""

from pathlib import Path

import pytest
from tiny_pipeline import pipeline

from calotype.checkpoints import load, save


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model of diffusers, as ``save`` writes it."""
    pipeline("sd1", tmp_path).save_pretrained(tmp_path / "theirs")
    save(load(tmp_path / "theirs"), tmp_path / "model")
    return tmp_path / "model"
