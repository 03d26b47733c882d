"""Words to pictures, from the command line and from Python; the same seed is the same picture."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import calotype
from calotype import Picture, Preview, Progress, Request, Sampling
from calotype.cli.app import main
from calotype.generate.resolve import resolve
from calotype.generate.run import prepared_batches
from calotype.model import LatentDiffusion

QUICK = Sampling(steps=3, seed=5)


@pytest.fixture(scope="module")
def model(tiny: Path) -> LatentDiffusion:
    return calotype.load(tiny)


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


def generate(tiny: Path, out: Path, *arguments: str) -> int:
    return main(["generate", *arguments, "--model", str(tiny), "--out", str(out), "--steps", "3"])


def test_the_command_and_python_make_the_same_files(tiny, model, tmp_path, capsys):
    """Bit for bit, file for file: the command line adds nothing to the request."""
    options = ["--images", "2", "--seed", "5", "--negative-prompt", "wood", "--width", "48"]
    assert generate(tiny, tmp_path, "a red cube", "a cube", *options) == 0
    request = Request(
        prompt=("a red cube", "a cube"), images=2, negative_prompt="wood", width=48, sampling=QUICK
    )
    pictures = calotype.run(model, request)
    assert [picture.seed for picture in pictures] == [5, 6, 7, 8]
    paths = [tmp_path / f"0000{k}-{picture.seed}.png" for k, picture in enumerate(pictures)]
    assert capsys.readouterr().out.split() == [str(path) for path in paths]
    assert sorted(tmp_path.iterdir()) == paths, "nothing else is left in the folder"
    for path, picture in zip(paths, pictures, strict=True):
        assert picture.image.size == (48, 32)
        assert path.read_bytes() == picture.file()


def test_a_picture_makes_itself_again(model, tmp_path):
    """Picture k of a batch is the picture of its own request, written and read: law of seeds."""
    request = Request(prompt=("a red cube", "wood"), images=2, sampling=QUICK)
    for picture in calotype.run(model, request):
        picture.save(tmp_path / "picture.png")
        again = calotype.read_request(tmp_path / "picture.png")
        assert again == picture.request
        (alone,) = calotype.run(model, again)
        # The noise is the same to the bit (next test). The networks are not: their matrix products
        # sum in another order for another batch size. Measured over 18 pictures of 20 steps, with
        # three samplers: at most one level of 255, in at most 5 of 55,296 numbers.
        assert np.abs(pixels(alone) - pixels(picture)).max() <= 1
        assert alone.request == picture.request


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_noise_is_the_seeds_alone(model, batch_size):
    """However a request is cut into batches, picture k starts from and is fed the same noise."""
    request = Request(prompt="", images=5, width=32, height=16, sampling=QUICK)
    singles = [resolve(model, request.single(k)) for k in range(5)]
    found = list(prepared_batches(model, singles, {}, batch_size))
    assert [k for numbers, _ in found for k in numbers] == [0, 1, 2, 3, 4]
    for numbers, each in found:
        for row, k in enumerate(numbers):
            ((_, alone),) = prepared_batches(model, [singles[k]], {}, None)
            assert torch.equal(each.start[row], alone.start[0])
            assert torch.equal(each.noise(1)[row], alone.noise(1)[0])


@pytest.mark.parametrize("sampler", ["dpm++2m", "euler_ancestral"])
def test_one_by_one_is_the_same_to_the_bit(model, sampler):
    """Deterministic: independent of the batch, the order and the other pictures."""
    sampling = Sampling(sampler=sampler, steps=4, seed=5)
    request = Request(prompt=("a red cube", "wood on a cube"), images=3, sampling=sampling)
    for picture in calotype.run(model, request, batch_size=3, deterministic=True):
        (alone,) = calotype.run(model, picture.request, deterministic=True)
        assert (pixels(alone) == pixels(picture)).all()
        assert picture.provenance.deterministic


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "euler", "euler_ancestral", "heun", "dpm++2m"])
def test_every_sampler_is_a_function_of_the_seed(model, sampler):
    """Twice the same, and another seed is another picture; previews and progress are yielded."""
    sampling = Sampling(sampler=sampler, steps=3, seed=1)
    request = Request(prompt="a red cube", sampling=sampling)
    received = list(calotype.events(model, request))
    assert [(e.done, e.total) for e in received if isinstance(e, Progress)] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    previews = [e for e in received if isinstance(e, Preview)]
    assert previews[0].decode()[0].size == (32, 32)
    (first,) = (e for e in received if isinstance(e, Picture))
    (second,) = calotype.run(model, request)
    assert first.file() == second.file()
    (other,) = calotype.run(model, request.model_copy(update={"sampling": Sampling(seed=2)}))
    assert np.abs(pixels(other) - pixels(first)).max() > 1


def test_the_prompt_and_the_negative_prompt_are_heard(model):
    """Each changes the picture under guidance; at scale 1 the negative one has no effect."""

    def made(scale: float, **words: str) -> np.ndarray:
        sampling = Sampling(steps=3, guidance_scale=scale)
        (picture,) = calotype.run(model, Request(**{"prompt": "", **words}, sampling=sampling))
        return pixels(picture)

    assert (made(7.5, prompt="a red cube") != made(7.5)).any()
    assert (made(7.5, negative_prompt="wood") != made(7.5)).any()
    assert (made(1, negative_prompt="wood") == made(1)).all()


def test_numbers_go_on_and_nothing_is_overwritten(tiny, tmp_path):
    (tmp_path / "00041-7.png").write_text("mine")
    assert generate(tiny, tmp_path, "a cube", "--seed", "7") == 0
    assert generate(tiny, tmp_path, "a cube", "--seed", "7") == 0
    assert {p.name for p in tmp_path.iterdir()} == {"00041-7.png", "00042-7.png", "00043-7.png"}
    assert (tmp_path / "00041-7.png").read_text() == "mine"
    assert (tmp_path / "00042-7.png").read_bytes() == (tmp_path / "00043-7.png").read_bytes()


def test_grid_and_the_notes(tiny, tmp_path, capsys):
    """A row of the sheet for each prompt; words the model never saw are named, on stderr."""
    arguments = ["a giraffe", "a red cube", "--images", "3", "--grid", "--seed", "1"]
    assert generate(tiny, tmp_path, *arguments) == 0
    received = capsys.readouterr()
    assert "never saw the words: giraffe" in received.err
    assert "6 pictures in" in received.err
    sheet = Image.open(tmp_path / "grid-00000-00005.png")
    assert sheet.size == (3 * 32, 2 * 32)
    last = np.asarray(Image.open(tmp_path / "00005-6.png"))
    assert (np.asarray(sheet)[32:, 64:] == last).all()


def test_without_a_seed_each_run_differs(tiny, tmp_path):
    assert generate(tiny, tmp_path, "a cube") == 0
    assert generate(tiny, tmp_path, "a cube") == 0
    seeds = [calotype.read_request(path).sampling.seed for path in tmp_path.iterdir()]
    assert seeds[0] != seeds[1]


def test_inference_mode_stays_inside(model):
    """Between two events the caller's own mathematics has gradients as ever."""
    received = calotype.events(model, Request(prompt="", sampling=QUICK))
    next(received)
    assert not torch.is_inference_mode_enabled()
    assert torch.ones(1, requires_grad=True).exp().requires_grad
    received.close()


def test_importing_costs_no_torch():
    """The package, the records and the help load no network library (C10)."""
    script = """
import sys
import calotype
assert "pydantic" not in sys.modules
calotype.Request(prompt="")
from calotype.cli.app import main
main(["--help"])
main(["generate", "--help"])
heavy = {"torch", "numpy", "tokenizers", "safetensors"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
