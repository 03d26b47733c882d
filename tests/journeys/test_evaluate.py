"""Measuring a model as a user does it; and that the judge judges right."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

import calotype
from calotype.cli.app import main
from calotype.evaluation import Report, evaluate
from calotype.evaluation.judge import load_reader
from calotype.scenes import SceneSource
from calotype.scenes.reader import read
from calotype.scenes.reading import ATTRIBUTES, STATED, shows


def evaluated(*arguments: str | Path) -> int:
    return main(["evaluate", *map(str, arguments), "--steps", "2", "--count", "3"])


def test_the_command_tells_and_writes_the_figures(tiny: Path, tmp_path: Path, capsys) -> None:
    table, sheet = tmp_path / "figures.json", tmp_path / "failures.png"
    shown = tmp_path / "pictures.png"
    assert evaluated(tiny, "--json", table, "--failures", sheet, "--pictures", shown) == 0
    told = capsys.readouterr().out
    figures = json.loads(table.read_text())
    for name in ("single", "pair", "held_out", "ceiling", "reader_accuracy"):
        assert 0 <= figures[name] <= 1
        assert f"{figures[name]:.3f}" in told
        if name in figures["intervals"]:
            low, high = figures["intervals"][name]
            assert low <= figures[name] <= high
    for name in ("reconstruction_psnr", "object_psnr"):
        assert f"{figures[name]:.2f}" in told
    assert figures["sampling"]["steps"] == 2
    assert figures["single"] == 0, "an untrained model paints no objects"
    with Image.open(sheet) as worst, Image.open(shown) as first:
        assert worst.size == first.size, "all nine pictures are wrong"


def test_the_same_model_has_the_same_figures(tiny: Path) -> None:
    model, sampling = calotype.load(tiny), calotype.Sampling(steps=2)
    *_, first = evaluate(model, 2, sampling)
    *_, second = evaluate(model, 2, sampling.model_copy(update={"seed": 9}))
    assert isinstance(first, Report)
    assert isinstance(second, Report)
    assert first.shares == second.shares
    assert first.object_psnr == second.object_psnr


def test_the_judge_reads_what_the_renderer_draws() -> None:
    """On scenes of one to three objects that it never trained on, seen whole and seen small."""
    source = SceneSource(seed=77, count=48, objects=(1, 3), split="all")
    pictures = torch.stack([example.picture for example in source.examples(range(48))])
    reader = load_reader()
    # Of 1,000 held-out renderings it read all: two mistakes in 48 would be no luck.
    for shown in (pictures, torch.nn.functional.avg_pool2d(pictures, 2)):
        right = [
            shows(reading, source.scene(index), ATTRIBUTES if shown is pictures else STATED)
            for index, reading in enumerate(read(reader, shown))
        ]
        assert sum(right) >= 47


@pytest.mark.parametrize(
    ("arguments", "line"),
    {
        ("scenes", "--count", "0"): "--count = 0: must be between 1 and 10,000",
        ("scenes", "--failures", "x.txt"): "--failures = x.txt: must be a .png file",
        ("scenes", "--steps", "0"): "--steps = 0: must be an integer from 1 to 1000",
        ("scenes", "--json", "no/where.json"): "no/where.json: cannot be written",
        ("scnes",): 'model "scnes": not a folder or file here',
    }.items(),
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_mistake_ends_in_one_line(
    arguments, line: str, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"calotype: {line}")
    assert list(tmp_path.iterdir()) == []
