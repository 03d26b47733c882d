"""What is wrong with a folder is said in one line: the file, what was expected, what was found."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from calotype.checkpoints import load
from calotype.errors import UserError


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def edit_tensors(path: Path, **changes: torch.Tensor | None) -> None:
    tensors = {**load_file(path), **changes}
    save_file({name: t for name, t in tensors.items() if t is not None}, path)


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def write_index(folder: Path, places: dict[str, str]) -> None:
    (folder / UNET).unlink()
    (folder / f"{UNET}.index.json").write_text(json.dumps({"weight_map": places}))


UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
BAD = {
    "truncated": (lambda f: truncate(f / UNET), [UNET, "not whole: expected", "bytes, found"]),
    "empty": (lambda f: (f / VAE).write_bytes(b""), [VAE, "expected a safetensors file"]),
    "a web page": (
        lambda f: (f / VAE).write_text("<html>" * 99),
        [VAE, "expected a safetensors file"],
    ),
    "no weights": (lambda f: (f / UNET).unlink(), [UNET, "no such file"]),
    "no pickle, for all its name": (
        lambda f: (f / UNET).rename(f / "unet/diffusion_pytorch_model.bin"),
        ["unet/diffusion_pytorch_model.bin", "not whole"],
    ),
    "an index that leads out of the folder": (
        lambda f: write_index(f, {"conv_in.bias": "../vae/diffusion_pytorch_model.safetensors"}),
        ["unet/diffusion_pytorch_model.safetensors.index.json", "not a file beside it"],
    ),
    "an index without its parts": (
        lambda f: write_index(f, {"conv_in.bias": "part-1-of-1.safetensors"}),
        ["unet/part-1-of-1.safetensors", "cannot be read"],
    ),
    "an index of nothing": (lambda f: write_index(f, {}), ["index.json", "weight_map"]),
    "config of another network": (
        lambda f: edit_json(f / "unet/config.json", cross_attention_dim=32),
        [UNET, "does not fit the config.json", "attn2.to_k.weight", "(16, 24)", "(16, 32)"],
    ),
    "one layer more in the config": (
        lambda f: edit_json(f / "text_encoder/config.json", num_hidden_layers=3),
        ["text_encoder/model.safetensors", "layers.2.", "15 more", "not in the file"],
    ),
    "extra tensor": (
        lambda f: edit_tensors(f / VAE, **{"quant_convs.bias": torch.zeros(8)}),
        [VAE, '"quant_convs.bias" (did you mean "quant_conv.bias"?) is not in the network'],
    ),
    "missing tensor": (
        lambda f: edit_tensors(f / VAE, **{"quant_conv.bias": None}),
        [VAE, '"quant_conv.bias" is not in the file'],
    ),
    "tensor under two names": (
        lambda f: edit_tensors(
            f / "text_encoder/model.safetensors", **{"final_layer_norm.bias": torch.zeros(24)}
        ),
        ["model.safetensors", "twice", "final_layer_norm.bias"],
    ),
    "unknown setting": (
        lambda f: edit_json(f / "unet/config.json", block_out_chanels=[16, 32]),
        ["unet/config.json", "block_out_chanels", 'did you mean "block_out_channels"?'],
    ),
    "setting of the wrong kind": (
        lambda f: edit_json(f / "text_encoder/config.json", hidden_act="relu"),
        ["text_encoder/config.json", "relu", "quick_gelu"],
    ),
    "broken JSON": (
        lambda f: (f / "vae/config.json").write_text("{"),
        ["vae/config.json", "not JSON"],
    ),
    "no config": (
        lambda f: (f / "vae/config.json").unlink(),
        ["vae/config.json", "cannot be read"],
    ),
    "no component": (lambda f: (f / "vae").rename(f / "vea"), ["/vae", "no such folder"]),
    "no tokenizer": (
        lambda f: (f / "tokenizer/vocab.json").unlink(),
        ["/tokenizer", "no vocab.json"],
    ),
    "no scheduler": (
        lambda f: (f / "scheduler/scheduler_config.json").unlink(),
        ["scheduler_config.json", "cannot be read"],
    ),
    "unknown scheduler": (
        lambda f: edit_json(f / "scheduler/scheduler_config.json", beta_schedule="sine"),
        ["scheduler_config.json", "beta_schedule", "sine"],
    ),
    "no index": (lambda f: (f / "model_index.json").unlink(), ["no model_index.json"]),
    "another kind of model": (
        lambda f: edit_json(f / "model_index.json", unet=["diffusers", "UNet3DConditionModel"]),
        ["model_index.json", "unet", "UNet3DConditionModel", "UNet2DConditionModel"],
    ),
    "one component more": (
        lambda f: edit_json(
            f / "model_index.json", text_encoder_2=["transformers", "CLIPTextModelWithProjection"]
        ),
        ["model_index.json", "text_encoder_2", "not supported"],
    ),
    "tokenizer too long": (
        lambda f: edit_json(f / "tokenizer/tokenizer_config.json", model_max_length=10),
        ["model_max_length = 10", "= 9"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_folders_end_in_one_line(name: str, folder: Path) -> None:
    """The message names the file, what was expected and what was found."""
    damage, words = BAD[name]
    damage(folder)
    with pytest.raises(UserError) as caught:
        load(folder)
    message = str(caught.value)
    assert all(word in message for word in [str(folder), *words]), message
    assert "\n" not in message
    assert len(message.replace(str(folder), "")) < 250, message


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("scene", ['"scene"', 'known name ("scenes")', 'did you mean "scenes"?']),
        ("no/such/folder", ["no/such/folder", "not a folder or file", "no hub id"]),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", ["not in the cache", "hub answered"]),
        (__file__, ["not whole", "safetensors"]),
    ],
)
def test_unknown_models(model: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load(model)
    assert all(word in str(caught.value) for word in words), caught.value
