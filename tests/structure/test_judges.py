"""The reader and the map reader judge what trainings make; no training may use them."""

import hashlib
import re
from pathlib import Path

import pytest

import calotype
from calotype.evaluation.scenes.judge import MAP_WEIGHTS, WEIGHTS

PACKAGE = Path(calotype.__file__).parent
TRAINING = sorted((PACKAGE / "training").rglob("*.py"))
JUDGES = {"reader": "reader.py", "map_reader": "maps.py"}  # module of the network: its task's file


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("path", TRAINING, ids=lambda path: path.name)
def test_no_training_loads_a_judge(path: Path, judge: str) -> None:
    """Its network is known to its own task alone, which names its file to write it, never to read.

    (That nothing in ``training`` imports ``evaluation``, which loads it, the import contract says.)
    """
    text = path.read_text()
    if path.name == JUDGES[judge]:
        assert "read_safetensors" not in text
    else:
        files = rf"{Path(JUDGES[judge]).stem}\.safetensors"
        assert not re.search(rf"calotype\.scenes(\.| import .*\b){judge}\b|{files}", text)


def test_the_judges_files_are_small() -> None:
    assert WEIGHTS.stat().st_size < 5_000_000
    assert MAP_WEIGHTS.stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        (WEIGHTS, "0131fc40e20c186218a37643a52b87ec7df6f39f2e988f1786fe807fd233884c"),
        (MAP_WEIGHTS, "734945ecb260cf3d1593418e8f40a97519e6cd9cc417f06d897dcbab3d2391d4"),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_a_judge_is_what_it_was(path: Path, digest: str) -> None:
    """Verdicts are compared from one version to the next: other weights would be another judge.

    The digests are those of the files as they first came into the package.
    """
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
