"""CLIP's text encoder against transformers: outputs, names, shapes, configs."""

from pathlib import Path

import pytest
import torch
import transformers
from reference import TOLERANCE, difference, redraw
from safetensors.torch import load_file, save_file

from calotype.checkpoints import load_component
from calotype.checkpoints.kinds import CLIP_TEXT
from calotype.conditioning import CLIPTextConfig, CLIPTextEncoder
from calotype.errors import UserError

# The text_encoder/config.json of the two published families.
SD1 = {
    "_name_or_path": "openai/clip-vit-large-patch14",
    "architectures": ["CLIPTextModel"],
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "dropout": 0.0,
    "eos_token_id": 2,
    "hidden_act": "quick_gelu",
    "hidden_size": 768,
    "initializer_factor": 1.0,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77,
    "model_type": "clip_text_model",
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pad_token_id": 1,
    "projection_dim": 768,
    "torch_dtype": "float32",
    "transformers_version": "4.22.0.dev0",
    "vocab_size": 49408,
}
SD2 = {
    **SD1,
    "hidden_act": "gelu",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 23,
    "projection_dim": 512,
}
TINY = {
    "vocab_size": 50,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 11,
    "projection_dim": 20,
}
FAMILIES = {
    "sd1": {**SD1, **TINY},
    "sd2": {**SD2, **TINY},
    "our own": {
        **TINY,
        "bos_token_id": 48,
        "eos_token_id": 49,
        "pad_token_id": 49,
        "layer_norm_eps": 1e-3,
    },
}


def reference(values: dict, dtype: torch.dtype = torch.float32) -> transformers.CLIPTextModel:
    network = transformers.CLIPTextModel(transformers.CLIPTextConfig(**values))
    redraw(network.to(dtype))
    return network


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [1, 7, 11])
def test_hidden_states(family: str, dtype: torch.dtype, length: int, tmp_path: Path) -> None:
    theirs = reference(FAMILIES[family], dtype)
    theirs.save_pretrained(tmp_path)
    ours = load_component(CLIP_TEXT, tmp_path, dtype=dtype)
    ids = torch.randint(0, 50, (3, length), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert difference(ours(ids), theirs(ids).last_hidden_state) < TOLERANCE[dtype]


@pytest.mark.parametrize("prefix", ["", "text_model."])
@pytest.mark.parametrize("positions", [True, False])
def test_names_of_all_versions(prefix: str, positions: bool, tmp_path: Path) -> None:
    """With and without ``text_model.``, with and without the positions of old files."""
    theirs = reference(FAMILIES["sd1"])
    theirs.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = {prefix + name.removeprefix("text_model."): t for name, t in load_file(path).items()}
    if positions:
        tensors[prefix + "embeddings.position_ids"] = torch.arange(11)[None]
    save_file(tensors, path, {"format": "pt"})
    ours = load_component(CLIP_TEXT, tmp_path)
    ids = torch.arange(11)[None]
    with torch.inference_mode():
        assert difference(ours(ids), theirs(ids).last_hidden_state) < TOLERANCE[torch.float32]
    assert all(name.startswith("text_model.") for name in ours.state_dict())


@pytest.mark.parametrize("values", [SD1, SD2], ids=["SD 1.5", "SD 2.1"])
def test_full_size_names_and_shapes(values: dict) -> None:
    with torch.device("meta"):
        theirs = transformers.CLIPTextModel(transformers.CLIPTextConfig(**values))
        ours = CLIPTextEncoder(CLIPTextConfig.from_json(values))
    # transformers 5 has no "text_model." level, 4 has.
    expected = {
        "text_model." + name.removeprefix("text_model."): tensor.shape
        for name, tensor in theirs.named_parameters()
    }
    assert {name: tensor.shape for name, tensor in ours.named_parameters()} == expected


def test_gradients_reach_every_parameter() -> None:
    """The encoder trains: token and position tables, every layer."""
    torch.manual_seed(0)
    encoder = CLIPTextEncoder(CLIPTextConfig.from_json(FAMILIES["our own"]))
    (encoder(torch.arange(22).view(2, 11)) ** 3).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        # A bias of keys shifts all scores of a query alike, which softmax does not see.
        assert parameter.grad.abs().max() > 0 or name.endswith("k_proj.bias"), name


@pytest.mark.parametrize("family", FAMILIES)
def test_config_there_and_back(family: str) -> None:
    config = CLIPTextConfig.from_json(FAMILIES[family])
    assert CLIPTextConfig.from_json(config.to_json()) == config
    theirs = transformers.CLIPTextConfig.from_dict(config.to_json())
    for name in TINY | {"hidden_act": "", "eos_token_id": 0, "bos_token_id": 0, "pad_token_id": 0}:
        assert getattr(theirs, name) == getattr(config, name)
    assert theirs.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_act": "gelu_new"}, ["gelu_new", "quick_gelu or gelu"]),
        ({"attention_dropout": 0.1}, ["attention_dropout", "0.1"]),
        ({"hidden_sise": 48}, ["hidden_sise", 'did you mean "hidden_size"?']),
        ({"use_attention_mask": True}, ["use_attention_mask"]),
        ({"model_type": "t5"}, ["model_type", "t5", "clip_text_model"]),
        ({"num_attention_heads": 7}, ["hidden_size", "48", "num_attention_heads", "7"]),
    ],
)
def test_what_would_change_the_numbers_is_refused(change: dict, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        CLIPTextConfig.from_json({**FAMILIES["sd1"], **change})
    assert all(word in str(caught.value) for word in words), caught.value
