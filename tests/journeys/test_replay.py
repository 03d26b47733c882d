"""Pictures made again from their files, swept over options, and asked for by a file of prompts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import calotype
from calotype.cli.app import main


@pytest.fixture
def quick(tiny: Path, tmp_path: Path):
    """Run a command on the tiny model, writing into a fresh folder."""

    def run(*arguments: str) -> int:
        return main([*arguments, "--model", str(tiny), "--out", str(tmp_path)])

    return run


def made(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("0*"))


def test_a_picture_is_made_again_to_the_bit(quick, tmp_path, capsys):
    """Of a batch, one by one, also where this process computes with other threads."""
    words = ["a red cube", "wood", "--steps", "3", "--seed", "9", "--sampler", "euler_ancestral"]
    assert quick("generate", *words, "--images", "2", "--deterministic") == 0
    threads = torch.get_num_threads()
    for path in made(tmp_path):
        torch.set_num_threads(3 - min(2, threads))
        assert quick("replay", str(path)) == 0
        assert "the same picture, bit for bit" in capsys.readouterr().err
        assert torch.get_num_threads() == threads, "as the picture says that it was made"
    first, *_, last = made(tmp_path)
    assert len(made(tmp_path)) == 8
    seeds = [calotype.read_request(path).sampling.seed for path in (first, last)]
    assert seeds == [9, 12]


def test_what_is_not_the_same_is_told(quick, tmp_path, capsys):
    """Another model's hash, and pixels that a JPEG lost; exit status 1."""
    assert quick("generate", "a red cube", "--steps", "3", "--seed", "9", "--format", "jpeg") == 0
    (path,) = made(tmp_path)
    assert path.suffix == ".jpeg"
    assert main(["replay", str(path), "--out", str(tmp_path), "--dtype", "bf16"]) == 2
    assert "say with --model which file that is" in capsys.readouterr().err
    assert main(["replay", str(path), "--model", "scenes", "--out", str(tmp_path)]) == 1
    output = capsys.readouterr().err
    assert "model hash was " in output
    assert "another size" in output or "differs by up to" in output


def test_a_picture_names_nothing_that_is_opened(tiny, tmp_path, capsys):
    """A path for a model is a name like any other; without --model nothing is made."""
    info = PngInfo()
    info.add_text("parameters", f"a\nSteps: 2, Sampler: DDIM, Seed: 1, Model: {tiny}")
    Image.new("RGB", (32, 32)).save(tmp_path / "foreign.png", pnginfo=info)
    assert main(["replay", str(tmp_path / "foreign.png"), "--out", str(tmp_path)]) == 2
    assert "say with --model" in capsys.readouterr().err
    assert made(tmp_path) == []


def test_a_picture_of_the_web_ui(quick, tmp_path, capsys):
    info = PngInfo()
    text = "a red (cube:1.2)\nSteps: 2, Sampler: Euler a, CFG scale: 3, Seed: 1, Size: 32x32"
    info.add_text("parameters", f"{text}, Hires steps: 4")
    Image.new("RGB", (32, 32)).save(tmp_path / "foreign.png", pnginfo=info)
    assert main(["inspect", str(tmp_path / "foreign.png")]) == 0
    output = capsys.readouterr().out
    assert "sampler: k_euler_ancestral" in output
    assert "left out: Hires steps: 4" in output
    assert quick("replay", str(tmp_path / "foreign.png")) == 1
    (path,) = made(tmp_path)
    request = calotype.read_request(path)
    assert (request.prompt, request.sampling.noise) == ("a red (cube:1.2)", "nv")
    Image.new("RGB", (2, 2)).save(tmp_path / "plain.png")
    assert quick("replay", str(tmp_path / "plain.png")) == 2
    assert "holds no request" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path / "plain.png")]) == 0
    assert "none that is understood" in capsys.readouterr().out


def test_a_sweep_and_its_sheet(quick, tmp_path, capsys):
    """Every combination is the picture of its own request; the sheet is printed last."""
    axes = ["--over", "steps=2,3", "--over", "sampler=ddim,Euler a", "--seed", "4"]
    assert quick("sweep", "a red cube", "wood", *axes, "--deterministic") == 0
    output = capsys.readouterr()
    assert output.out.split()[-1] == str(tmp_path / "grid-00000-00007.png")
    assert "8 pictures in" in output.err
    requests = [calotype.read_request(path) for path in made(tmp_path)]
    assert len({request.model_dump_json() for request in requests}) == 8
    assert {request.sampling.seed for request in requests} == {4}
    model = calotype.load("scenes")
    assert model.files
    last = made(tmp_path)[-1]
    assert quick("replay", str(last)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--over", "steps"], "OPTION=VALUE,VALUE"),
        (["a", "--over", "steps=4..2"], "the first number must be the smaller"),
        (["a", "--over", "seed=1..99999"], "at most 10,000"),
        (["a", "--over", "steps=2", "--over", "steps=3"], "names an option twice"),
        (["a", "--over", "stepz=2"], 'did you mean "steps"'),
        (["--over", "steps=2"], "prompts: none"),
        (["a", "--over", "prompt=b,c"], "prompts: said twice"),
        (["a", "--over", "steps=2,900", "--over", "sampler=ddim,lcm"], "a consistency model has"),
        (["a", "--over", "width=32,33"], "must be a multiple of"),
        (["a", "--over", "sampler=euler,lms", "--eta", "0.5"], "no share of noise"),
        (["--over", "prompt=b\r\nc", "--over", "stps=1"], 'did you mean "steps"'),
    ],
)
def test_mistakes_in_a_sweep(quick, tmp_path, capsys, arguments, message):
    assert quick("sweep", *arguments) == 2
    assert message in capsys.readouterr().err
    assert made(tmp_path) == []


def test_values_with_commas_and_none(quick, tmp_path):
    axes = ["--over", 'prompt="a cube, red",wood', "--over", "schedule=none,karras"]
    assert quick("sweep", *axes, "--steps", "2") == 0
    requests = [calotype.read_request(path) for path in made(tmp_path)]
    assert {r.prompt for r in requests} == {"a cube, red", "wood"}
    assert {r.sampling.schedule for r in requests} == {None, "karras"}


def test_prompts_from_a_file(quick, tmp_path, capsys):
    """One a line, in order, after those of the command; empty lines and remarks are none."""
    listed = tmp_path / "prompts.txt"
    listed.write_text("\ufeffa red cube\n\n# a remark\n  wood  \r\n", encoding="utf-8")
    options = ["--prompts-from", str(listed), "--steps", "2", "--seed", "1"]
    assert quick("generate", "a cube", *options) == 0
    prompts = [calotype.read_request(path).prompt for path in made(tmp_path)]
    assert prompts == ["a cube", "a red cube", "wood"]
    listed.write_bytes(b"\xff\xfe\x00")
    assert quick("generate", "--prompts-from", str(listed)) == 2
    assert "not text in UTF-8" in capsys.readouterr().err
    listed.write_text("# nothing\n")
    assert quick("generate", "--prompts-from", str(listed)) == 2
    assert "has no prompt" in capsys.readouterr().err
    assert quick("generate", "--prompts-from", str(tmp_path / "no.txt")) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_formats(quick, tmp_path):
    """Each holds its request and shows the same, though this picture is noise."""
    for format in ("png", "jpeg", "webp"):
        assert quick("generate", "wood", "--seed", "3", "--steps", "2", "--format", format) == 0
    paths = made(tmp_path)
    assert [path.suffix for path in paths] == [".png", ".jpeg", ".webp"]
    assert len({calotype.read_request(path) for path in paths}) == 1
    first, *others = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in paths)
    for other in others:
        correlation = np.corrcoef(other.ravel(), first.ravel())[0, 1]
        # Noise compresses worst: 0.99 and 0.82 where the next seed's picture has 0.10.
        assert correlation > 0.5
