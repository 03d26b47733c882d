"""A user's mistake ends in one line on stderr, status 2, no traceback, nothing half-written."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from calotype.cli import pictures
from calotype.cli.app import main
from calotype.cli.progress import ProgressBar
from calotype.generate.names import SamplerName, ScheduleName


def message_of(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line that a mistaken command ends with."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    line = err.splitlines()[-1]
    assert line.startswith("calotype: ")
    # What comes before the line is at most a note on words.
    assert all(other.startswith("note: ") for other in err.splitlines()[:-1]), err
    return line.removeprefix("calotype: ")


def listed(names: Sequence[str]) -> str:
    *others, last = (f'"{name}"' for name in names)
    return f"{', '.join(others)} or {last}"


RECORD = {
    ("--steps", "0"): "--steps = 0: must be an integer from 1 to 1000",
    ("--steps", "1001"): "--steps = 1001: must be an integer from 1 to 1000",
    ("--steps", "many"): '--steps = "many": must be an integer',
    ("--guidance-scale", "nan"): "--guidance-scale = nan: must be a finite number from 0 to 1000",
    ("--guidance-scale", "inf"): "--guidance-scale = inf: must be a finite number from 0 to 1000",
    ("--guidance-scale", "-1"): "--guidance-scale = -1.0: must be a number from 0 to 1000",
    ("--guidance-rescale", "2"): "--guidance-rescale = 2.0: must be a number from 0 to 1",
    ("--eta", "nan"): "--eta = nan: must be a finite number from 0 to 1",
    ("--sampler", "eulr"): (
        f'--sampler = "eulr": must be {listed(get_args(SamplerName))}; did you mean "euler"?'
    ),
    ("--schedule", "karas"): (
        f'--schedule = "karas": must be {listed(get_args(ScheduleName))}; did you mean "karras"?'
    ),
    ("--seed", "-1"): "--seed = -1: must be an integer from 0 to 9007199254740991",
    ("--images", "0"): "--images = 0: must be an integer from 1 to 10000",
    ("--width", "4"): "--width = 4: must be an integer from 8 to 8192",
    ("--dtype", "fp8"): '--dtype = "fp8": must be "fp32", "bf16" or "fp16"; did you mean "fp32"?',
    ("--samplr", "euler"): 'unknown option "--samplr"; did you mean "--sampler"?',
    ("--steps",): "--steps: a value is missing; see calotype generate --help",
    ("--grid=maybe",): '--grid = "maybe": must be true or false',
}


@pytest.mark.parametrize("options", RECORD, ids=" ".join)
def test_options_that_no_request_has(tmp_path, capsys, options):
    """Refused before anything is loaded or written: the model does not even exist here."""
    out = tmp_path / "out"
    line = message_of(capsys, "generate", "a cube", "--model", "none", "--out", out, *options)
    assert line == RECORD[options]
    assert not out.exists()


def test_a_prompt_that_is_too_long(capsys):
    line = message_of(capsys, "generate", "a" * 10_001, "--model", "none")
    assert line.startswith('prompt = "aaa')
    assert line.endswith("must have at most 10,000 characters, not 10,001")


MODEL = {
    ("--width", "30"): "width = 30: must be a multiple of 4 for this model, such as 28 or 32",
    ("--height", "33"): "height = 33: must be a multiple of 4 for this model, such as 32 or 36",
    ("--device", "gpu"): '--device = "gpu": this machine has auto, cpu',
    ("--device", "cuda:99"): '--device = "cuda:99": this machine has auto, cpu',
    ("--batch-size", "0"): "batch_size = 0: must be 1 or more",
    (
        "--sampler",
        "heun",
        "--eta",
        "0.5",
    ): "eta 0.5: this sampler has no share of noise to choose; leave it out",
}


@pytest.mark.parametrize("options", MODEL, ids=" ".join)
def test_options_that_this_model_or_machine_has_not(tiny, tmp_path, capsys, options):
    out = tmp_path / "out"
    line = message_of(capsys, "generate", "a cube", "--model", tiny, "--out", out, *options)
    assert line.startswith(MODEL[options])
    assert not out.exists()


def test_a_model_that_is_not_there(tmp_path, capsys):
    line = message_of(capsys, "generate", "a cube", "--model", "scene", "--out", tmp_path)
    assert line.startswith('model "scene": not a folder')
    assert line.endswith('did you mean "scenes"?')
    assert "holds no model_index.json" in message_of(
        capsys, "generate", "a cube", "--model", tmp_path, "--out", tmp_path
    )
    assert not list(tmp_path.iterdir())


def test_broken_weights_and_configs(tiny, tmp_path, capsys):
    """A file cut short, and a config that is not its weights', name the file and what was found."""
    broken, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(tiny, broken)
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    line = message_of(capsys, "generate", "a cube", "--model", broken, "--out", out)
    assert line.startswith(f"{weights}: not whole: expected {len(content):,} bytes")
    weights.write_bytes(content)
    config = broken / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "layers_per_block": 2}))
    line = message_of(capsys, "generate", "a cube", "--model", broken, "--out", out)
    assert str(weights.parent) in line
    assert not out.exists()


@pytest.mark.parametrize("place", ["file", "file/inside", "/proc/pictures", "/dev/null/pictures"])
def test_a_folder_that_cannot_be_written(tmp_path, capsys, monkeypatch, place):
    """Known before the model is loaded, not after the pictures are made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(
        "calotype.checkpoints.load", lambda *_, **__: pytest.fail("the model was loaded")
    )
    line = message_of(capsys, "generate", "a cube", "--out", place)
    assert line.startswith(f"--out = {place}: ")
    assert (tmp_path / "file").read_text() == "mine"


def test_commands_that_are_none(capsys):
    line = message_of(capsys, "generat", "a cube")
    assert line.startswith('unknown command "generat": must be average, convert, evaluate, ')
    assert line.endswith('did you mean "generate"?')
    assert message_of(capsys, "generate").startswith(
        "no prompt: say in quotes what the picture shows"
    )


def test_training_settings(tmp_path, capsys):
    recipe = tmp_path / "run.toml"
    assert (
        message_of(capsys, "train", recipe)
        == f"{recipe}: cannot be read: No such file or directory"
    )
    assert "the run's TOML file is missing" in message_of(capsys, "train")
    recipe.write_text('task = "autoencoder"\nout = "run"\n[loop]\nsamples = 4\n')
    line = message_of(capsys, "train", recipe, "-s", "optimizer.raet=1")
    assert line == f'{recipe}: unknown key "optimizer.raet"; did you mean "optimizer.rate"?'
    line = message_of(capsys, "train", recipe, "-s", "loop.samples=0")
    assert line == f"{recipe}: loop.samples = 0: must be an integer of 1 or more"
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]


def test_every_setting_is_listed(capsys):
    assert main(["train", "--keys"]) == 0
    listed = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    for key in ("task", "loop.samples", "optimizer.rate", "diffusion.caption_dropout"):
        assert key in listed


def test_an_empty_prompt_is_no_mistake(tiny, tmp_path):
    assert main(["generate", "", "--model", str(tiny), "--out", str(tmp_path), "--steps", "1"]) == 0


def test_an_interrupt_keeps_what_is_made(tiny, tmp_path, capsys, monkeypatch):
    """Ctrl-C at the second of three pictures: status 130, the first is whole, no other is there."""
    save = pictures.save

    def interrupted(picture, folder, format):
        if picture.index == 1:
            raise KeyboardInterrupt
        return save(picture, folder, format)

    monkeypatch.setattr(pictures, "save", interrupted)
    arguments = [
        "generate",
        "",
        "--model",
        tiny,
        "--out",
        tmp_path,
        "--steps",
        "1",
        "--images",
        "3",
    ]
    assert main([*map(str, arguments), "--seed", "0"]) == 130
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == "calotype: stopped"
    assert out.split() == [str(path) for path in tmp_path.iterdir()]
    assert [path.name for path in tmp_path.iterdir()] == ["00000-0.png"]


def test_an_interrupted_training_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    """Ctrl-C saves; the command that is printed ends the run."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    recipe = tmp_path / "run.toml"
    recipe.write_text(
        f"""
        task = "autoencoder"
        out = "unused"
        data = {{ source = "{tmp_path.as_posix()}", size = 32 }}
        loop = {{ samples = 3, batch_size = 1 }}
        autoencoder = {{ preset = "tiny" }}
        """
    )
    update = ProgressBar.update

    def interrupted(shown, what, done, *rest):
        update(shown, what, done, *rest)
        if (what, done) == ("training", 1):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressBar, "update", interrupted)
    assert main(["train", str(recipe), "--out", str(tmp_path / "my run"), "-s", "seed=4"]) == 130
    saved, stopped = capsys.readouterr().err.splitlines()[-2:]
    assert stopped == "calotype: stopped"
    command = shlex.split(saved.removeprefix("saved; to continue: "))
    assert command[0] == "calotype"
    assert main(command[1:]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'my run' / 'model'}\n"
    assert (tmp_path / "my run" / "model").is_dir()


def test_who_reads_along_may_leave() -> None:
    """`calotype train --keys | head -1` ends as `ls | head -1` does: without a word."""
    command = f"{sys.executable} -m calotype train --keys"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout[1:].strip() in ("0", "141")  # the pipe may hold all of it
