"""The reader judges what trainings make; no training may use it."""

import re
from pathlib import Path

import pytest

import calotype
from calotype.evaluation.judge import WEIGHTS

PACKAGE = Path(calotype.__file__).parent
TRAINING = sorted((PACKAGE / "training").rglob("*.py"))


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: path.name)
def test_no_training_loads_the_reader(path: Path) -> None:
    """Its network is known to its own task alone, which names its file to write it, never to read.

    (That nothing in ``training`` imports ``evaluation``, which loads it, the import contract says.)
    """
    text = path.read_text()
    if path.name == "reader.py":
        assert "read_safetensors" not in text
    else:
        assert not re.search(r"calotype\.scenes(\.| import .*\b)reader\b|reader\.safetensors", text)


def test_the_readers_file_is_small() -> None:
    assert WEIGHTS.stat().st_size < 5_000_000
