"""Measuring a model as a user does it; and that the judge judges right."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import calotype
from calotype.autoencoder import Pixels
from calotype.autoencoder.pixels import PixelsConfig
from calotype.cli.app import main
from calotype.evaluation.scenes import (
    KINDS,
    ScenesReport,
    evaluate_scenes,
    load_reader,
    scene_prompts,
)
from calotype.generate.events import Picture
from calotype.generate.pictures import to_images
from calotype.scenes import SceneSource, render
from calotype.scenes.reader import read
from calotype.scenes.reading import ATTRIBUTES, STATED, shows

COUNT = 3
FRACTIONS = ("single", "pair", "held_out", "ceiling", "reader_accuracy")
DECIBELS = ("reconstruction_psnr", "object_psnr")


def evaluated(*arguments: str | Path) -> int:
    return main(["evaluate", *map(str, arguments), "--steps", "2", "--count", str(COUNT)])


def test_the_command_tells_and_writes_the_figures(tiny: Path, tmp_path: Path, capsys) -> None:
    table, sheet = tmp_path / "figures.json", tmp_path / "failures.png"
    shown = tmp_path / "pictures.png"
    assert evaluated(tiny, "--json", table, "--failures", sheet, "--pictures", shown) == 0
    output = capsys.readouterr().out
    figures = json.loads(table.read_text())
    assert figures["intervals"].keys() == {*FRACTIONS, *DECIBELS}
    for name, (low, high) in figures["intervals"].items():
        assert low <= figures[name] <= high
        assert f"{figures[name]:.{2 if name in DECIBELS else 3}f}" in output
    assert all(0 <= figures[name] <= 1 for name in FRACTIONS)
    assert figures["sampling"]["steps"] == 2
    assert figures["seeds"] == {
        "prompts": 20_000,
        "renderings": 30_000,
        "first picture of each kind": 1,
    }
    assert "seeds: prompts 20000, renderings 30000, first picture of each kind 1" in output
    assert figures["single"] == 0, "an untrained model paints no objects"
    with Image.open(sheet) as worst, Image.open(shown) as first:
        assert worst.size == first.size, "all nine pictures are wrong"


def test_the_same_model_has_the_same_figures(tiny: Path) -> None:
    model, sampling = calotype.load(tiny), calotype.Sampling(steps=2)
    *_, first = evaluate_scenes(model, 2, sampling)
    *_, second = evaluate_scenes(model, 2, sampling.model_copy(update={"seed": 9}))
    assert isinstance(first, ScenesReport)
    assert isinstance(second, ScenesReport)
    assert first.shares == second.shares
    assert first.object_psnr == second.object_psnr


def test_who_paints_what_was_asked_is_always_right(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renderer in the model's place, then once with every prompt answered by the next one's."""
    shift = 0

    def rendered(model, request, batch_size):
        scenes = {
            wanted.prompt: wanted.scene for kind in KINDS for wanted in scene_prompts(kind, COUNT)
        }
        wanted = [scenes[prompt] for prompt in request.prompt]
        shown = render(wanted[shift:] + wanted[:shift], 128).pictures
        for index, image in enumerate(to_images(shown)):
            yield Picture(index, image, request, provenance=None)

    monkeypatch.setattr("calotype.evaluation.scenes.evaluate.events", rendered)
    pixels = replace(calotype.load(tiny), autoencoder=Pixels(PixelsConfig(3, 128)))
    *_, right = evaluate_scenes(pixels, COUNT)
    shift = 1
    *_, wrong = evaluate_scenes(pixels, COUNT)
    for report, fraction in ((right, 1.0), (wrong, 0.0)):
        assert isinstance(report, ScenesReport)
        assert [report.shares[kind].fraction for kind in KINDS] == [fraction] * len(KINDS)
        assert report.shares["ceiling"].fraction == 1, "pixels are their own latents"
        found = [len(judged.mistakes) for judged in report.failures]
        assert found == sorted(found, reverse=True)
        assert len(found) == (1 - fraction) * len(KINDS) * COUNT
    monkeypatch.setattr(Pixels, "decode", lambda self, latents: torch.zeros_like(latents))
    *_, without_decoder = evaluate_scenes(pixels, COUNT, kinds=["pair"])
    assert isinstance(without_decoder, ScenesReport)
    assert without_decoder.shares["ceiling"].right == 0
    assert [row[0] for row in without_decoder.rows() if row[0] in KINDS] == ["pair"]


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
        ("scenes", "--count", "0"): "--count = 0: must be an integer from 1 to 10000",
        ("scenes", "--failures", "x.txt"): "--failures = x.txt: must be a .png file",
        ("scenes", "--steps", "0"): "--steps = 0: must be an integer from 1 to 1000",
        ("scenes", "--json", "no/where.json"): "no/where.json: cannot be written",
        ("scenes", "--json", "no/a", "--failures", "b.png"): "no/a: cannot be written",
        ("scenes", "--json", "."): "--json = .: is a folder; name a file",
        ("scenes", "--failures", "a.png", "--pictures", "a.png"): "a.png: is named twice",
        ("scenes", "--on", "scens"): 'evaluation "scens": must be scenes; did you mean "scenes"?',
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
