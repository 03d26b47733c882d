"""A user's own checkpoint: inspected, converted, verified, used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import calotype
from calotype.checkpoints.keymap import scatter
from calotype.checkpoints.kinds import CLIP_TEXT
from calotype.checkpoints.layouts import compvis
from calotype.checkpoints.load import read_parts
from calotype.cli.app import main


@pytest.fixture
def single(tiny: Path, tmp_path: Path) -> Path:
    path = tmp_path / "single.safetensors"
    assert main(["convert", str(tiny), str(path)]) == 0
    return path


def test_there_and_back_is_the_same_model(tiny: Path, single: Path, tmp_path: Path, capsys) -> None:
    back = tmp_path / "back"
    assert main(["convert", str(single), str(back)]) == 0
    assert capsys.readouterr().out == f"{back}\n"
    for path in sorted(tiny.rglob("*.safetensors")):
        kept = load_file(back / path.relative_to(tiny))
        assert all(torch.equal(kept[name], tensor) for name, tensor in load_file(path).items())
    for name in ("unet/config.json", "scheduler/scheduler_config.json", "tokenizer/vocab.json"):
        assert json.loads((back / name).read_text()) == json.loads((tiny / name).read_text())


def test_a_single_file_makes_the_folder_s_pictures(tiny: Path, single: Path) -> None:
    request = calotype.Request(prompt="a red cube", sampling=calotype.Sampling(steps=2))
    (one,), (other,) = (calotype.run(calotype.load(path), request) for path in (tiny, single))
    assert one.image.tobytes() == other.image.tobytes()


def test_inspect_tells_what_is_there(tiny: Path, single: Path, capsys) -> None:
    assert main(["inspect", str(single)]) == 0
    described = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    parts = read_parts(tiny)
    count = sum(tensor.numel() for tensor in parts.unet.tensors.values())
    assert described["unet"] == f"{count:,} parameters, float32"
    assert described["prediction"] == f"{parts.scheduler.prediction_type} (the header)"
    assert described["model hash"].startswith(described["SHA-256"][:10])
    assert main(["inspect", str(tiny)]) == 0
    assert "scheduler_config.json" in capsys.readouterr().out
    assert main(["inspect", str(tiny / "vae")]) == 0
    assert "family: an autoencoder" in capsys.readouterr().out


def test_inspect_tells_of_an_unknown_file_what_it_can(tmp_path: Path, capsys) -> None:
    path = tmp_path / "lora.safetensors"
    save_file({"lora_unet.up": torch.zeros(4, 2), "lora_unet.down": torch.zeros(2, 4)}, path)
    assert main(["inspect", str(path)]) == 0
    output = capsys.readouterr().out
    assert "family: none that is known" in output
    assert "lora_unet: 2 tensors" in output


def test_another_autoencoder(tiny: Path, single: Path, tmp_path: Path) -> None:
    """From a folder, from a whole file, from a separate file, and a fine-tuned decoder only."""
    vae = read_parts(tiny).autoencoder
    places = compvis.autoencoder_places(vae.config, [*vae.tensors])
    tuned = {name: tensor + 1 for name, tensor in vae.tensors.items()}
    alone = {n.removeprefix("first_stage_model."): t for n, t in scatter(places, tuned).items()}
    decoder = {n: t for n, t in alone.items() if n.startswith(("decoder.", "post_quant_conv."))}
    left = {"loss.logvar": torch.zeros(()), "model_ema.decay": torch.zeros(())}
    torch.save({"state_dict": alone | left}, tmp_path / "vae.ckpt")
    save_file(decoder, tmp_path / "decoder.safetensors")
    for other, changed in (
        (tiny, ()),
        (tiny / "vae", ()),
        (single, ()),
        (tmp_path / "vae.ckpt", ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")),
        (tmp_path / "decoder.safetensors", ("decoder.", "post_quant_conv.")),
    ):
        found = read_parts(tiny, vae=other).autoencoder.tensors
        assert found.keys() == tuned.keys()
        for name, tensor in found.items():
            wanted = tuned if changed and name.startswith(changed) else vae.tensors
            assert torch.equal(tensor, wanted[name]), (other, name)


def test_a_folder_without_a_tokenizer_has_clip_s_words(tmp_path: Path) -> None:
    from calotype.checkpoints.model_folder import tokenizer_of

    assert (
        len(tokenizer_of(tmp_path, CLIP_TEXT.config(hidden_size=768, num_attention_heads=12)))
        == 49408
    )
    with pytest.raises(calotype.UserError, match="are not CLIP's"):
        tokenizer_of(tmp_path, CLIP_TEXT.config(vocab_size=600))


def test_verify_finds_the_numbers_equal(tiny: Path, tmp_path: Path, capsys) -> None:
    table = tmp_path / "verified.json"
    assert main(["verify", str(tiny), "--dtype", "fp64", "--json", str(table)]) == 0
    figures = json.loads(table.read_text())
    assert figures["fp32"]["tokenizer"]["absolute"] == 0
    for part, found in figures["fp64"].items():
        assert found["relative"] <= found["bound"], part


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_verify_in_half_precision(tiny: Path, dtype: str, capsys) -> None:
    assert main(["verify", str(tiny), "--dtype", dtype]) == 0
    assert dtype in capsys.readouterr().out


def test_verify_finds_a_difference(tiny: Path, monkeypatch, capsys) -> None:
    from calotype.unet import UNet

    forward = UNet.forward
    monkeypatch.setattr(UNet, "forward", lambda *given: forward(*given) * 1.001)
    assert main(["verify", str(tiny)]) == 1
    assert "larger than the bound: UNet, t = 999 in fp32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["convert", "{tiny}", "{out}", "--layout", "compvis"],
            ["--layout", "a file .safetensors"],
        ),
        (["convert", "{tiny}", "{single}"], ["exists already"]),
        (["convert", "{tiny}", "{tiny}/unet"], ["exists already"]),
        (["convert", "{tiny}", "{out}", "--ema"], ["--ema", "is a folder"]),
        (["convert", "{single}", "{out}", "--ema"], ["--ema", "no running average"]),
        (["inspect", "{out}"], ["not a folder or file here"]),
        (["inspect", __file__], ["expected a folder, or a file"]),
        (["generate", "a cube", "--model", "{tiny}", "--vae", "{out}"], ["not a folder or file"]),
    ],
)
def test_a_mistake_ends_in_one_line(
    arguments: list[str], words: list[str], tiny: Path, single: Path, tmp_path: Path, capsys
) -> None:
    capsys.readouterr()
    places = {"tiny": tiny, "single": single, "out": tmp_path / "out"}
    assert main([argument.format(**places) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert all(word in err for word in words), err


def test_loading_a_model_imports_no_compiler(tiny: Path) -> None:
    """It costs a second and a hundred megabytes; drawing first values on "meta" asks for it."""
    program = (
        "import sys, calotype\n"
        f"calotype.load({str(tiny)!r})\n"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_a_model_that_wants_classes_says_so(tiny: Path) -> None:
    model = calotype.load(tiny)
    model.unet.class_embedding = torch.nn.Embedding(5, 4)
    with pytest.raises(calotype.UserError, match="wants classes"):
        calotype.run(model, calotype.Request(prompt="a red cube"))
