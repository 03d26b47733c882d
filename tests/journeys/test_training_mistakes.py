"""A mistake in a training's settings or files ends in one line, with nothing left behind."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calotype.cli.app import main


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the autoencoder on four small pictures, in an otherwise empty working folder."""
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(f"pictures/{number}.png")
        Path(f"pictures/{number}.txt").write_text(f"number {number}")
    recipe = Path("run.toml")
    recipe.write_text(
        """
        task = "autoencoder"
        out = "run"
        data = { source = "pictures", size = 32 }
        loop = { samples = 4, batch_size = 2 }
        autoencoder = { preset = "tiny" }
        """
    )
    return recipe


def message_of(capsys: pytest.CaptureFixture[str], recipe: Path, *options: str) -> str:
    """The one line that a mistaken training ends with."""
    assert main(["train", str(recipe), *options]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("calotype: ")
    assert "Traceback" not in line
    return line.removeprefix("calotype: ")


SETTINGS = {
    "autoencoder.scales=8": "autoencoder.scales = 8: data.size = 32 can be halved for 6 scales",
    "autoencoder.preset=tony": 'preset "tony" is not one of',
    "autoencoder.preset=cin256": 'preset "cin256" has no autoencoder of its own; use vq-f8',
    "autoencoder.decoder_only=true": "run.toml: decoder_only = true: the latents of",
    "autoencoder.vgg=vgg16.pth": "run.toml: vgg: goes with lpips, the other of two",
    "autoencoder.start=nowhere": 'model "nowhere": not a folder or file here',
    "data.size=33": "data.size = 33: must be a multiple of 4",
    "data.source=nowhere": "data.folder: nowhere is not a folder",
    "data.cache=/dev/null/cache": "data.cache: /dev/null/cache",
    "data.cache=run.toml": "data.cache: run.toml",
    "seed=18446744073709551616": "run.toml: seed = ",
    "loop.device=auto": 'run.toml: loop.device = "auto": must be cpu, cuda',
    "task=diffusion": "run.toml: diffusion.autoencoder is missing: it must be a path",
    "task=difusion": 'run.toml: task = "difusion": must be "autoencoder", ',
    "autoencoder=3": "run.toml: autoencoder = 3: must be a table",
    "autoencoder.prest=tiny": 'run.toml: unknown key "autoencoder.prest"; did you mean "autoenc',
    "data.source=folder": "run.toml: data.folder is missing: it must be a path",
    "out=run.toml": "out = run.toml: cannot be written: File exists",
    "out=/dev/null/run": "out = /dev/null/run: cannot be written: Not a directory",
    "optimizer.rate=1e30": "training: ",
}


@pytest.mark.parametrize("change", SETTINGS)
def test_settings_that_no_run_can_have(recipe, capsys, change):
    before = sorted(path.name for path in Path().iterdir())
    assert message_of(capsys, recipe, "-s", change).startswith(SETTINGS[change])
    if not change.startswith("optimizer"):  # which shows only in the run
        assert sorted(path.name for path in Path().iterdir()) == before


def broken_picture() -> None:
    content = Path("pictures/0.png").read_bytes()
    Path("pictures/0.png").write_bytes(content[: len(content) // 2])


def dangling_link() -> None:
    Path("pictures/0.png").unlink()
    Path("pictures/0.png").symlink_to("nowhere")


def other_encoding() -> None:
    Path("pictures/0.txt").write_bytes("café".encode("latin-1"))


def folder_for_caption() -> None:
    Path("pictures/0.txt").unlink()
    Path("pictures/0.txt").mkdir()


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    "damage", [broken_picture, dangling_link, other_encoding, folder_for_caption]
)
def test_a_file_that_cannot_be_read(recipe, capsys, damage: Callable[[], None], workers):
    """It is named, also where a worker process met it."""
    damage()
    line = message_of(capsys, recipe, "-s", f"data.workers={workers}")
    assert line.startswith("pictures/0.")
    assert "can't be read" in line


ARRAYS = {
    "floats from 0 to 255; scale them to [-1, 1]": np.linspace(0, 255, 3072).reshape(32, 32, 3),
    "floats from nan to nan; scale": np.full((32, 32, 3), np.nan),
    "numbers of type int16; save uint8, uint16, or floats": np.zeros((32, 32, 3), np.int16),
    "an array of shape (3, 32, 32); data.channels = 3 needs (height, width, 3)": np.ones(
        (3, 32, 32)
    ),
    "an array of shape (32, 32); data.channels = 3 needs (height, width, 3)": np.ones((32, 32)),
    "an array of shape (0, 32, 3); data.channels = 3 needs": np.ones((0, 32, 3)),
    "can't be read as an array (Array can't be memory-mapped: Python objects": np.array([{}]),
}


@pytest.mark.parametrize("message", ARRAYS)
def test_an_array_that_is_no_picture(recipe, capsys, message):
    np.save("pictures/0.npy", ARRAYS[message])
    assert message_of(capsys, recipe).startswith(f"pictures/0.npy: {message}")


def test_channels_that_there_are_not(recipe, capsys):
    line = message_of(capsys, recipe, "-s", "data.channels=2")
    assert "a picture file has 1 or 3 channels; data.channels = 2 needs .npy" in line
    line = message_of(capsys, recipe, "-s", "data.channels=1", "-s", "data.source=scenes")
    assert line.startswith("run.toml: data.channels = 1: scenes have 3")
    shutil.rmtree("run", ignore_errors=True)
    Image.new("I;16", (32, 32)).save("pictures/0.png")
    line = message_of(capsys, recipe)
    assert (
        line == "pictures/0.png: greyscale of more than 8 bits; data.channels = 1 reads it, not 3"
    )


def newest() -> Path:
    return max(Path("run/checkpoints").glob("*.safetensors"))


def test_a_checkpoint_that_cannot_be_resumed(recipe, capsys):
    assert main(["train", str(recipe)]) == 0
    shutil.copy("run/model/vae/diffusion_pytorch_model.safetensors", newest())
    assert "not the checkpoint of a run" in message_of(capsys, recipe, "--resume")
    newest().write_bytes(newest().read_bytes()[:1000])
    assert "not whole" in message_of(capsys, recipe, "--resume")


OTHER_RUNS = {
    "autoencoder.preset=scenes": 'autoencoder.preset was "tiny" in',
    "seed=7": "seed was 0 in",
    "data.size=64": "data.size was 32 in",
    "loop.samples=1": "loop.samples = 1: the run has seen",
}


@pytest.mark.parametrize("change", OTHER_RUNS)
def test_a_resumed_run_is_the_same_run(recipe, capsys, change):
    """The folder's record of the run stays unchanged."""
    assert main(["train", str(recipe)]) == 0
    before = Path("run/settings.json").read_bytes()
    assert message_of(capsys, recipe, "--resume", "-s", change).startswith(OTHER_RUNS[change])
    assert Path("run/settings.json").read_bytes() == before


def test_a_finished_run_keeps_its_settings(recipe, capsys):
    """What it says was trained with them: settings that no step has seen are not written down."""
    assert main(["train", str(recipe)]) == 0
    before = Path("run/settings.json").read_bytes()
    assert main(["train", str(recipe), "--resume", "-s", "loop.batch_size=1"]) == 0
    assert "nothing is left to train" in capsys.readouterr().err
    assert Path("run/settings.json").read_bytes() == before


def test_two_folders_of_pictures(recipe, capsys):
    line = message_of(capsys, recipe, "-s", "data.source=one", "-s", "data.folder=two")
    assert 'data.source = "one", data.folder = "two": one folder is expected' in line


def test_settings_and_weights_of_two_runs(recipe, capsys):
    assert main(["train", str(recipe)]) == 0
    settings = Path("run/settings.json")
    settings.write_text(settings.read_text().replace('"tiny"', '"scenes"'))
    line = message_of(capsys, recipe, "--resume", "-s", "autoencoder.preset=scenes")
    assert line.startswith("the run's checkpoint is of another network")


def test_what_else_lies_among_the_checkpoints(recipe):
    assert main(["train", str(recipe)]) == 0
    shutil.copy(newest(), newest().with_name("best.safetensors"))
    assert main(["train", str(recipe), "--resume"]) == 0


def test_a_journal_with_a_foreign_line(recipe, capsys):
    assert main(["train", str(recipe)]) == 0
    Path("run/journal.jsonl").write_text("\0\n")
    assert "no journal's" in message_of(capsys, recipe, "--resume", "-s", "loop.samples=6")


@pytest.mark.parametrize("damage", ["note", "rows"])
def test_a_cache_that_a_crash_left_is_made_again(recipe, damage):
    options = ["-s", "data.cache=cache"]
    assert main(["train", str(recipe), *options]) == 0
    (note,), (rows,) = Path("cache").glob("*.json"), Path("cache").glob("*.bin")
    content = rows.read_bytes()
    if damage == "note":
        note.write_text("")
    else:
        rows.write_bytes(content[:99])
    assert main(["train", str(recipe), "--resume", *options]) == 0
    assert rows.read_bytes() == content


def test_captions_longer_than_a_prompt(recipe, tiny):
    """They are cut in the preview, not where a run of hours first shows one."""
    Path("pictures/0.txt").write_text("word " * 4000)
    table = f'diffusion={{preset="tiny",autoencoder="{tiny}/vae",vocabulary=530}}'
    assert main(["train", str(recipe), "-s", "task=diffusion", "-s", table]) == 0


DIFFUSIONS = {
    'zero_terminal_snr=true,weighting="p2"': 'weighting = "p2": with zero terminal SNR',
    'preset="sd-x4-upscaler"': "diffusion: this UNet takes a class",
    'preset="kl-f8"': 'preset "kl-f8" has no',
    'preset="sd1-inpainting"': 'diffusion.preset = "sd1-inpainting": its UNet takes more than',
}


@pytest.mark.parametrize("own", DIFFUSIONS)
def test_a_diffusion_that_cannot_be(recipe, capsys, tiny, own):
    """Told before anything is encoded."""
    preset = "" if own.startswith("preset") else 'preset="tiny",'
    table = f'diffusion={{{preset}autoencoder="{tiny}/vae",vocabulary=530,{own}}}'
    assert message_of(capsys, recipe, "-s", "task=diffusion", "-s", table).startswith(
        DIFFUSIONS[own]
    )
    assert not Path("run").exists()


BOTTLENECKS = {
    'codebook="ema"': "autoencoder.codebook: this autoencoder has no codebook; leave it out",
    'preset="compression-vq",kl_weight=1.0': "autoencoder.kl_weight: this autoencoder has a code",
    "perceptual_weight=0.5": "autoencoder.perceptual_weight: without features, or vgg and lpips",
    'start="scenes",decoder_only=true,kl_weight=1.0': "autoencoder.kl_weight: the decoder trains a",
    'start="scenes",vgg="a.pth",lpips="b.pth"': "a.pth",
    'preset="compression-f1"': 'preset "compression-f1" has no autoencoder; these have one',
}


@pytest.mark.parametrize("own", BOTTLENECKS)
def test_what_an_autoencoder_has_not(recipe, capsys, own):
    line = message_of(capsys, recipe, "-s", f"autoencoder={{{own}}}")
    assert line.startswith(BOTTLENECKS[own])
    assert not Path("run").exists()
