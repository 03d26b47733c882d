"""The reader judges what trainings make; no training may use it."""

from pathlib import Path

import pytest

import calotype
from calotype.evaluation.judge import WEIGHTS

PACKAGE = Path(calotype.__file__).parent
TRAINING = sorted((PACKAGE / "training").rglob("*.py"))


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: path.name)
def test_no_training_loads_the_reader(path: Path) -> None:
    """Neither the function that does, nor its file, is named there: not even to train the reader.

    (The import contract forbids the rest: nothing below can pass it on.)
    """
    text = path.read_text()
    assert "load_reader" not in text
    assert "calotype.evaluation" not in text
    assert str(WEIGHTS.parent.name) + "/" not in text


def test_the_reader_trains_in_its_own_task_only() -> None:
    users = [path.stem for path in TRAINING if "scenes.reader" in path.read_text()]
    assert users == ["reader"]


def test_the_readers_file_is_small() -> None:
    assert WEIGHTS.stat().st_size < 5_000_000
