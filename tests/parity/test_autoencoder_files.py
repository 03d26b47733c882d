"""Autoencoders in files of their own and in models, both kinds: as diffusers has them."""

import json
from pathlib import Path

import diffusers
import pytest
import torch
from reference import TOLERANCE, difference, redraw
from safetensors.torch import load_file, save_file
from tiny_pipeline import pipeline

import calotype
from calotype.autoencoder import VQAutoencoder
from calotype.autoencoder.config import BLOCKS
from calotype.checkpoints import load_autoencoder
from calotype.checkpoints.component import read_any
from calotype.checkpoints.detect_prediction import with_prediction_type
from calotype.checkpoints.keymap import scatter
from calotype.checkpoints.layouts import autoencoder
from calotype.checkpoints.load import read_parts
from calotype.checkpoints.single_file import write_single
from calotype.cli.app import main
from calotype.evaluation.verify import verify

DOWN, UP = BLOCKS.values()
BOTH = {
    "block_out_channels": (32, 64),
    "down_block_types": DOWN,
    "up_block_types": UP[::-1],
    "scaling_factor": 1.0,
}
VQ = {**BOTH, "latent_channels": 6, "vq_embed_dim": 3, "num_vq_embeddings": 50}


def reference(kind: str):
    if kind == "AutoencoderKL":
        return redraw(diffusers.AutoencoderKL(**BOTH))
    return redraw(diffusers.VQModel(**VQ))


def latents_of(network, pictures):
    encoded = network.encode(pictures)
    return encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mean


@pytest.mark.parametrize("kind", ["AutoencoderKL", "VQModel"])
@torch.inference_mode()
def test_a_file_becomes_a_folder_of_diffusers_and_a_file_again(
    kind, tmp_path: Path, capsys
) -> None:
    theirs = reference(kind)
    theirs.save_pretrained(tmp_path / "theirs")
    held = read_any("vae", tmp_path / "theirs")
    named = scatter(autoencoder.places(held.config, [*held.tensors]), held.tensors)
    torch.save({"state_dict": {**named, "loss.logvar": torch.zeros(())}}, tmp_path / "model.ckpt")

    folder, file = tmp_path / "folder", tmp_path / "again.safetensors"
    assert main(["convert", str(tmp_path / "model.ckpt"), str(folder)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{folder}\n"
    assumed, left = err.splitlines()
    assert assumed.endswith(
        "scaling_factor 1, norm_num_groups 32: assumed: not inferable from tensors"
    )
    assert left == "left out: loss.logvar: the autoencoder's training"
    opened = getattr(diffusers, kind).from_pretrained(folder)
    pictures = torch.rand(2, 3, 16, 24) * 2 - 1
    latents = latents_of(theirs, pictures)
    ours = load_autoencoder(tmp_path / "model.ckpt")
    assert torch.equal(latents_of(opened, pictures), latents)
    assert torch.equal(opened.decode(latents).sample, theirs.decode(latents).sample)
    assert difference(ours.encode(pictures).mean, latents) < TOLERANCE[torch.float32]
    assert (
        difference(ours.decode(latents), theirs.decode(latents).sample) < TOLERANCE[torch.float32]
    )

    assert main(["convert", str(folder), str(file)]) == 0
    assert load_file(file).keys() == named.keys()
    assert all(torch.equal(tensor, named[name]) for name, tensor in load_file(file).items())
    kept = json.loads((folder / "config.json").read_text())
    assert main(["convert", str(file), str(tmp_path / "last")]) == 0
    assert json.loads((tmp_path / "last/config.json").read_text()) == kept


@pytest.fixture
def with_codebook(tmp_path: Path) -> Path:
    """A tiny model of diffusers in the latents of a codebook: three channels, six inside."""
    made = pipeline("sd1", tmp_path)
    config = {name: v for name, v in made.unet.config.items() if not name.startswith("_")}
    config |= {"in_channels": 3, "out_channels": 3}
    made.unet = redraw(diffusers.UNet2DConditionModel.from_config(config), 4)
    made.register_modules(vae=redraw(diffusers.VQModel(**VQ, sample_size=16), 5))
    made.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@torch.inference_mode()
def test_a_model_with_a_codebook(with_codebook: Path, tmp_path: Path) -> None:
    """Loaded, saved, in one file and back: the same tensors and the same pictures."""
    model = calotype.load(with_codebook)
    theirs = diffusers.VQModel.from_pretrained(with_codebook / "vae")
    assert isinstance(model.autoencoder, VQAutoencoder)
    pictures = torch.rand(2, 3, 16, 24) * 2 - 1
    latents = theirs.encode(pictures).latents
    assert difference(model.encode(pictures), latents) < TOLERANCE[torch.float32]
    wanted = theirs.decode(latents).sample.clamp(-1, 1)
    assert difference(model.decode(latents), wanted) < TOLERANCE[torch.float32]

    calotype.save(model, tmp_path / "saved")
    index = json.loads((tmp_path / "saved/model_index.json").read_text())
    assert index["vae"] == ["diffusers", "VQModel"]
    write_single(read_parts(tmp_path / "saved"), tmp_path / "single.safetensors")
    request = calotype.Request(
        prompt="a red cube", width=16, height=16, sampling=calotype.Sampling(steps=2)
    )
    places = (with_codebook, tmp_path / "saved", tmp_path / "single.safetensors")
    made = [calotype.run(calotype.load(place), request)[0].image.tobytes() for place in places]
    assert made[0] == made[1] == made[2]


@torch.inference_mode()
def test_half_precision_chooses_as_full_does(with_codebook: Path) -> None:
    """Whose distances no CPU computes in float16; of the same latents the choice is the same."""
    model = calotype.load(with_codebook)
    assert isinstance(model.autoencoder, VQAutoencoder)
    book = model.autoencoder.quantize.half()
    latents = torch.randn(1, 3, 8, 8).half()
    assert torch.equal(book(latents).indices, book.float()(latents.float()).indices)


def test_the_model_is_verified(with_codebook: Path) -> None:
    rows = list(verify(with_prediction_type(read_parts(with_codebook)), torch.float64))
    assert all(row.within for row in rows), rows


def test_inspect_tells_of_a_codebook(with_codebook: Path, tmp_path: Path, capsys) -> None:
    vae = with_codebook / "vae"
    held = read_any("vae", vae)
    save_file(
        scatter(autoencoder.places(held.config, [*held.tensors]), held.tensors),
        tmp_path / "alone.safetensors",
    )
    described = {}
    for path in (with_codebook, vae, tmp_path / "alone.safetensors"):
        assert main(["inspect", str(path)]) == 0
        rows = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
        assert rows["latents"] == "3 channels, 1/2 of the picture's side"
        assert rows["codebook"] == "50 vectors"
        described[path.name] = rows
    assert described["vae"]["family"] == "an autoencoder, VQModel"
    assert described["vae"]["scaling_factor"] == "1 (config.json)"
    assert (
        described["alone.safetensors"]["scaling_factor"]
        == "1 (assumed: not inferable from tensors)"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["generate", "a", "--model", "{other}", "--vae", "{vae}"],
            ["out_channels = 4", "{vae}", "3 channels"],
        ),
        (["convert", "{vae}", "{out}", "--ema"], ["--ema", "{vae} is an autoencoder alone"]),
        (["convert", "{broken}", "{out}"], ["{broken}", "no model_index.json"]),
        (["convert", "{unet}", "{out}"], ["_class_name = 'UNet2DConditionModel'", "VQModel"]),
    ],
)
def test_a_mistake_ends_in_one_line(
    arguments, words, with_codebook: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "sd1").mkdir()
    pipeline("sd1", tmp_path / "sd1").save_pretrained(tmp_path / "other")
    places = {
        "vae": with_codebook / "vae",
        "unet": with_codebook / "unet",
        "other": tmp_path / "other",
        "broken": tmp_path / "broken",
        "out": tmp_path / "out",
    }
    for part in ("unet", "vae"):
        (tmp_path / "broken" / part).mkdir(parents=True)
    capsys.readouterr()
    assert main([argument.format(**places) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert all(word.format(**places) in err for word in words), err
