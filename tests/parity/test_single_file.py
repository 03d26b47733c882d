"""Single files: our key maps against those of diffusers' converters, and whole files read back."""

import json
from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors.torch import load_file, save_file
from tiny_pipeline import FAMILIES as TINY
from tiny_pipeline import pipeline

from calotype.checkpoints import load
from calotype.checkpoints.detect_prediction import detect_prediction, with_prediction_type
from calotype.checkpoints.fit import shapes
from calotype.checkpoints.keymap import scatter
from calotype.checkpoints.kinds import AUTOENCODER_KL, CLIP_TEXT, UNET
from calotype.checkpoints.layouts import compvis
from calotype.checkpoints.load import read_parts
from calotype.checkpoints.single_file import (
    SingleFile,
    open_single_file,
    single_file_parts,
    write_single,
)
from calotype.errors import UserError
from calotype.presets import unet_config
from calotype.presets.families import FAMILIES
from calotype.unet import UNet

Tensors = dict[str, torch.Tensor]


@pytest.fixture(params=TINY)
def parts(request: pytest.FixtureRequest, tmp_path: Path):
    """The parts of a tiny model of diffusers, every parameter redrawn."""
    pipeline(request.param, tmp_path).save_pretrained(tmp_path / "model")
    return read_parts(tmp_path / "model")


def assert_same(found: Tensors, wanted) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].shape == tensor.shape, name
        assert torch.equal(found[name], tensor), name


def on_meta(kind, config) -> Tensors:
    with torch.device("meta"):
        return {name: torch.empty(shape) for name, shape in shapes(kind, config).items()}


def there(kind, config, ours: Tensors, places_of) -> Tensors:
    return scatter(places_of(config, [*ours]), ours)


def test_diffusers_reads_our_names_as_the_same_tensors(parts) -> None:
    """Their converters, on our single file's tensors, give the tensors of their own folder."""
    unet, vae, text = parts.unet, parts.autoencoder, parts.text
    named = there(UNET, unet.config, unet.tensors, compvis.unet_places)
    assert_same(convert_ldm_unet_checkpoint(named, unet.config.to_json()), unet.tensors)
    named = there(AUTOENCODER_KL, vae.config, vae.tensors, compvis.autoencoder_places)
    config = vae.config.to_json()
    assert_same(convert_ldm_vae_checkpoint(named, config), vae.tensors)
    named = there(CLIP_TEXT, text.config, text.tensors, compvis.clip_places)
    found = convert_ldm_clip_checkpoint(named, "cond_stage_model.transformer.")
    assert_same(found, text.tensors)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_published_files_have_the_names_that_diffusers_expects(family) -> None:
    """Full size, on "meta": names and shapes alone."""

    def shapes_of(tensors: Tensors) -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in tensors.items()}

    ours = on_meta(UNET, family.unet)
    named = there(UNET, family.unet, ours, compvis.unet_places)
    assert shapes_of(convert_ldm_unet_checkpoint(named, family.unet.to_json())) == shapes_of(ours)
    ours = on_meta(AUTOENCODER_KL, family.autoencoder)
    named = there(AUTOENCODER_KL, family.autoencoder, ours, compvis.autoencoder_places)
    assert shapes_of(convert_ldm_vae_checkpoint(named, family.autoencoder.to_json())) == shapes_of(
        ours
    )
    if family.text.hidden_size == 1024:
        ours = on_meta(CLIP_TEXT, family.text)
        named = there(CLIP_TEXT, family.text, ours, compvis.openclip_places)

        class Encoder:
            config = family.text

        assert shapes_of(convert_open_clip_checkpoint(Encoder, named)) == shapes_of(ours)


@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_a_single_file_is_the_folder(parts, dtype, tmp_path: Path) -> None:
    path = tmp_path / "single.safetensors"
    write_single(parts, path, dtype)
    read = read_parts(path)
    for name in ("unet", "autoencoder", "text"):
        one, other = getattr(parts, name), getattr(read, name)
        assert one.config == other.config
        assert_same(dict(other.tensors), {n: t.to(dtype) for n, t in one.tensors.items()})
    assert read.scheduler == parts.scheduler
    assert read.tokenizer.vocabulary == parts.tokenizer.vocabulary
    assert read.rule == "the header"


def files(parts, tmp_path: Path) -> Tensors:
    """A file of a training program: weights, their averages, schedule and the rest."""
    path = tmp_path / "trained.safetensors"
    write_single(parts, path)
    tensors = load_file(path)
    unet = {name: tensor * 2 for name, tensor in parts.unet.tensors.items()}
    averaged = scatter(compvis.averaged_places(parts.unet.config, [*unet]), unet)
    left = {
        "model_ema.decay": torch.tensor(0.9999),
        "model_ema.num_updates": torch.tensor(7),
        "betas": torch.zeros(1000),
        "sqrt_recipm1_alphas_cumprod": torch.zeros(1000),
        "log_one_minus_alphas_cumprod": torch.zeros(1000),
        "posterior_mean_coef1": torch.zeros(1000),
        "first_stage_model.loss.logvar": torch.zeros(()),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(9)[None],
    }
    return tensors | averaged | left


def header(parts, tmp_path: Path) -> dict[str, str]:
    from safetensors import safe_open

    write_single(parts, tmp_path / "header.safetensors")
    with safe_open(tmp_path / "header.safetensors", framework="pt") as file:
        return file.metadata()


def test_what_training_leaves_is_left_out_and_averages_are_taken_by_choice(
    parts, tmp_path: Path
) -> None:
    path, tensors = tmp_path / "whole.safetensors", files(parts, tmp_path)
    save_file(tensors, path, header(parts, tmp_path))
    raw, averaged = read_parts(path), read_parts(path, ema=True)
    assert_same(dict(raw.unet.tensors), parts.unet.tensors)
    assert_same(dict(averaged.unet.tensors), {n: t * 2 for n, t in parts.unet.tensors.items()})
    for read in (raw, averaged):
        used = len(read.unet.tensors) + len(read.autoencoder.tensors) + len(read.text.tensors)
        assert len(read.dropped) + used == len(tensors)
    assert set(raw.dropped.values()) >= {"the schedule", "the autoencoder's training"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model.diffusion_model.extra.weight": torch.zeros(1)}, ["extra.weight", "not in the"]),
        ({"model.diffusion_model.out.2.bias": None}, ["out.2.bias", "not in the file"]),
        ({"model.diffusion_model.out.2.bias": torch.zeros(5)}, ["out.2.bias", "(5,)"]),
        ({"control_model.x": torch.zeros(1)}, ["control_model.x", "not in the"]),
    ],
)
def test_a_file_that_does_not_fit_is_named(parts, change, words, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    tensors = {n: t for n, t in (files(parts, tmp_path) | change).items() if t is not None}
    save_file(tensors, path, header(parts, tmp_path))
    with pytest.raises(UserError) as caught:
        load(path)
    assert all(word in str(caught.value) for word in [str(path), *words]), caught.value


def test_a_file_of_no_known_family_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    save_file({"lora_unet_x.alpha": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"no Stable Diffusion.*lora_unet_x\.alpha"):
        single_file_parts(open_single_file(path))


def test_a_pickle_of_a_training_program_is_its_tensors(parts, tmp_path: Path) -> None:
    """A .ckpt without our header is told by its UNet; a tiny one is of no published family."""
    path = tmp_path / "trained.ckpt"
    torch.save({"state_dict": files(parts, tmp_path), "global_step": 875_000, "epoch": 3}, path)
    single = open_single_file(path)
    assert single.steps == 875_000
    assert_same(dict(single.tensors), files(parts, tmp_path))
    with pytest.raises(UserError, match="no known family"):
        single_file_parts(single)


def published(family, ema: bool) -> SingleFile:
    """A published file of a family, full size on "meta", with what training has left in it."""
    openclip = family.text.hidden_size == 1024
    layout = (
        (UNET, family.unet, compvis.unet_places),
        (AUTOENCODER_KL, family.autoencoder, compvis.autoencoder_places),
        (CLIP_TEXT, family.text, compvis.openclip_places if openclip else compvis.clip_places),
    )
    tensors: Tensors = {}
    for kind, config, places_of in layout:
        tensors |= there(kind, config, on_meta(kind, config), places_of)
    names = ["betas", "alphas_cumprod_prev", "sqrt_recip_alphas_cumprod", "logvar"]
    names += ["posterior_variance", "posterior_log_variance_clipped", "posterior_mean_coef2"]
    names += ["model_ema.decay", "model_ema.num_updates"]
    if openclip:
        layers = [name for name in tensors if ".resblocks.22." in name]
        names += [name.replace(".resblocks.22.", ".resblocks.23.") for name in layers]
        beside = ("text_projection", "logit_scale", "attn_mask")
        names += [f"cond_stage_model.model.{name}" for name in beside]
    else:
        names += ["cond_stage_model.transformer.text_model.embeddings.position_ids"]
    if family.unet.in_channels == 5:
        names += ["depth_model.model.pretrained.model.cls_token"]
    if family.unet.in_channels == 7:
        names += ["low_scale_model.betas"]
    with torch.device("meta"):
        tensors |= {name: torch.empty(3) for name in names}
    if ema:
        ours = on_meta(UNET, family.unet)
        tensors |= scatter(compvis.averaged_places(family.unet, [*ours]), ours)
    return SingleFile(Path("published.ckpt"), tensors)


@pytest.mark.parametrize("ema", [False, True])
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_published_file_is_told_and_used_whole(family, ema: bool) -> None:
    single = published(family, ema)
    parts = single_file_parts(single, ema)
    assert parts.family == family.name
    assert (parts.unet.config, parts.text.config) == (family.unet, family.text)
    assert parts.tokenizer.vocabulary.special["pad_token"] == family.pad_token
    assert parts.probe == (family.name == "Stable Diffusion 2")
    used = {*parts.unet.tensors, *parts.autoencoder.tensors, *parts.text.tensors}
    fused = 2 * 2 * family.text.num_hidden_layers * (family.text.hidden_size == 1024)
    assert len(parts.dropped) + len(used) - fused == len(single.tensors)
    if not ema:
        with pytest.raises(UserError, match="no running average"):
            single_file_parts(single, ema=True)


def test_other_forms_of_names_are_understood() -> None:
    """Some merged files lack "text_model.", or call the autoencoder "vae."."""
    single = published(FAMILIES[0], ema=False)
    forms = {"transformer.text_model.": "transformer.", "first_stage_model.": "vae."}
    renamed = dict(single.tensors)
    for long, short in forms.items():
        renamed = {name.replace(long, short): tensor for name, tensor in renamed.items()}
    assert renamed.keys() != single.tensors.keys()
    assert single_file_parts(SingleFile(single.path, renamed)).family == "Stable Diffusion 1"


@pytest.mark.parametrize(
    ("steps", "expected", "prediction", "side"),
    [
        (875_000, None, "epsilon", 64),
        (None, "v_prediction", "v_prediction", 96),
        (875_000, "v_prediction", "v_prediction", 96),
        (None, "epsilon", "epsilon", 64),
    ],
)
def test_a_model_of_v_is_one_of_larger_pictures(steps, expected, prediction, side) -> None:
    single = published(FAMILIES[2], ema=False)
    parts = with_prediction_type(
        single_file_parts(SingleFile(single.path, single.tensors, steps=steps)), expected
    )
    assert parts.scheduler.prediction_type == prediction
    assert parts.unet.config.sample_size == side
    assert parts.unet.config.upcast_attention == (side == 96)


@pytest.mark.parametrize(
    ("offset", "prediction", "words"),
    [(-1.5, "v_prediction", "-1.50"), (0.1, "epsilon", "0.10"), (-0.6, "epsilon", "neither")],
)
def test_a_trial_tells_what_a_unet_predicts(offset: float, prediction: str, words: str) -> None:
    class Shifted(UNet):
        def forward(self, x, t, condition):
            assert t.item() == 999
            return x + offset

    found, rule = detect_prediction(Shifted(unet_config("tiny")))
    assert found == prediction
    assert words in rule


@pytest.mark.parametrize(
    "change",
    [
        {"unet": []},
        {"unet": {"norm_num_groups": 0}},
        {"unet": {"block_out_channels": 5}},
        {"unet": {"block_out_channels": []}},
        {"unet": {"down_block_types": None}},
        {"unet": {"layers_per_block": 10**9}},
        {"vae": "x"},
        {"vae": {"block_out_channels": [4, "4"]}},
        {"text_encoder": {"num_hidden_layers": "12"}},
        {"text_encoder": {"num_hidden_layers": 10**6}},
        {"text_encoder": {"num_attention_heads": 0}},
        {"scheduler": []},
        {"scheduler": {"beta_start": "x"}},
        {"tokenizer": [1]},
        {"tokenizer": ""},
        {"tokenizer": {"vocab.json": 3}},
        {"tokenizer": {"vocab.json": "["}},
    ],
    ids=str,
)
def test_a_forged_header_is_one_short_error(parts, change: dict, tmp_path: Path) -> None:
    path = tmp_path / "forged.safetensors"
    metadata = header(parts, tmp_path)
    configs = json.loads(metadata["calotype"])
    for name, value in change.items():
        joined = isinstance(value, dict) and isinstance(configs[name], dict)
        configs[name] = configs[name] | value if joined else value
    save_file(load_file(tmp_path / "header.safetensors"), path, {"calotype": json.dumps(configs)})
    with pytest.raises(UserError) as caught:
        read_parts(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
