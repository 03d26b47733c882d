"""Laws of autoencoders in files of their own: shapes determine the config, no number is changed."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from calotype.autoencoder import AutoencoderConfig, VQConfig
from calotype.autoencoder.config import BLOCKS
from calotype.checkpoints import load_autoencoder
from calotype.checkpoints.autoencoder_files import (
    ASSUMED,
    autoencoder_in,
    read_autoencoder,
    write_autoencoder,
)
from calotype.checkpoints.component import Component
from calotype.checkpoints.fit import shapes
from calotype.checkpoints.infer_config import infer_config, same_shapes
from calotype.checkpoints.keymap import scatter
from calotype.checkpoints.kinds import kind_of
from calotype.checkpoints.layouts import autoencoder, compvis
from calotype.checkpoints.single_file import SingleFile
from calotype.errors import UserError
from calotype.presets import sd1, sd2


@st.composite
def configs(draw: st.DrawFn) -> AutoencoderConfig:
    levels = draw(st.integers(1, 4))
    down, up = (
        tuple(draw(st.sampled_from(names)) for _ in range(levels)) for names in BLOCKS.values()
    )
    kind = draw(st.sampled_from([AutoencoderConfig, VQConfig]))
    if kind is VQConfig:
        own = {
            "num_vq_embeddings": draw(st.integers(1, 9)),
            "vq_embed_dim": draw(st.sampled_from([None, 1, 5])),
        }
    else:
        around = draw(st.sampled_from([(True, True), (False, True), (True, False), (False, False)]))
        own = dict(zip(("use_quant_conv", "use_post_quant_conv"), around, strict=True))
    return kind(
        in_channels=draw(st.integers(1, 4)),
        out_channels=draw(st.integers(1, 4)),
        down_block_types=down,
        up_block_types=up,
        block_out_channels=tuple(draw(st.sampled_from([4, 8])) for _ in range(levels)),
        layers_per_block=draw(st.integers(1, 2)),
        latent_channels=draw(st.integers(1, 6)),
        norm_num_groups=4,
        scaling_factor=draw(st.sampled_from([0.5, 1.0])),
        mid_block_add_attention=draw(st.booleans()),
        **own,
    )


def drawn(config: AutoencoderConfig) -> Component:
    """An autoencoder with this config and random weights."""
    kind = kind_of(config)
    tensors = {name: torch.randn(shape) for name, shape in shapes(kind, config).items()}
    return Component(kind, config, tensors, Path())


LEFT = ("loss.logvar", "loss.discriminator.main.0.weight", "model_ema.decay", "colorize")


@given(configs(), st.sampled_from(["", compvis.AUTOENCODER]), st.booleans())
@settings(max_examples=20)
def test_a_file_of_compvis_is_told_by_its_shapes(config, prefix, pickled) -> None:
    wanted = drawn(config)
    named = scatter(autoencoder.places(config, [*wanted.tensors]), wanted.tensors)
    tensors = {prefix + name: tensor for name, tensor in named.items()}
    tensors |= {prefix + name: torch.zeros(2) for name in LEFT}
    with TemporaryDirectory() as folder:
        path = Path(folder) / ("model.ckpt" if pickled else "model.safetensors")
        if pickled:
            torch.save({"state_dict": tensors, "global_step": 3}, path)
        else:
            save_file(tensors, path)
        found = read_autoencoder(path)
        assert_same(found, wanted)
    assert found.dropped == {prefix + name: "the autoencoder's training" for name in LEFT}
    assert (found.config.scaling_factor, found.rule) == (1.0, ASSUMED)


@given(configs())
@settings(max_examples=10)
def test_a_file_of_ours_says_all_in_its_header(config) -> None:
    wanted = drawn(config)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write_autoencoder(wanted, path)
        found = read_autoencoder(path)
        assert_same(found, wanted)
        assert (found.config, found.rule, found.dropped) == (config, "the header", {})
        write_autoencoder(found, Path(folder) / "vae")
        again = read_autoencoder(Path(folder) / "vae")
        assert_same(again, wanted)
        assert (again.kind, again.config) == (kind_of(config), config)
        loaded = load_autoencoder(folder)
        assert loaded.config == config
        assert_same(Component(kind_of(config), config, loaded.state_dict(), path), wanted)


@given(configs())
@settings(max_examples=10)
def test_the_published_folders_names_tell_the_same(config) -> None:
    """As their files contain them when separate from their folder."""
    found = autoencoder_in(SingleFile(Path("x.safetensors"), drawn(config).tensors))
    assert same_shapes(found.config, config)


def assert_same(found: Component, wanted: Component) -> None:
    assert found.kind == wanted.kind
    assert same_shapes(found.config, wanted.config)
    assert found.tensors.keys() == wanted.tensors.keys()
    for name, tensor in wanted.tensors.items():
        assert torch.equal(found.tensors[name], tensor), name


def of(multipliers: tuple[int, ...], channels: int, *attends: int, size: int | None = None):
    """A published first stage of width 128: its multipliers, its latent, where it attends."""
    levels = range(len(multipliers))
    down, up = BLOCKS.values()
    config = AutoencoderConfig(
        block_out_channels=tuple(128 * multiplier for multiplier in multipliers),
        layers_per_block=2,
        latent_channels=channels,
        scaling_factor=1.0,
        down_block_types=tuple(down[level in attends] for level in levels),
        up_block_types=tuple(up[level in attends] for level in levels)[::-1],
    )
    return config if size is None else vq_of(config, size)


def vq_of(config: AutoencoderConfig, size: int) -> VQConfig:
    names = ("block_out_channels", "down_block_types", "up_block_types", "latent_channels")
    return VQConfig(
        **{name: getattr(config, name) for name in names},
        layers_per_block=2,
        scaling_factor=1.0,
        num_vq_embeddings=size,
        vq_embed_dim=config.latent_channels,
    )


F16 = (1, 1, 2, 2, 4)
PUBLISHED = {
    "kl-f4": of((1, 2, 4), 3),
    "kl-f8": sd1.AUTOENCODER,
    "kl-f16": of(F16, 16, 4),
    "kl-f32": of((*F16, 4), 64, 4, 5),
    "vq-f4": of((1, 2, 4), 3, size=8192),
    "vq-f4-noattn": replace(of((1, 2, 4), 3, size=8192), mid_block_add_attention=False),
    "vq-f8": of((1, 2, 2, 4), 4, 3, size=16384),
    "vq-f8-n256": of((1, 2, 2, 4), 4, 3, size=256),
    "vq-f16": of(F16, 8, 4, size=16384),
    "taming transformers' f16": of(F16, 256, 4, size=1024),
    "the upscaler's": sd2.UPSCALER_AUTOENCODER,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_first_stage_is_told(name) -> None:
    """Full size, on "meta", with its groups; the scale is that of a published model's, or 1."""
    config = PUBLISHED[name]
    with torch.device("meta"):
        ours = {n: torch.empty(s) for n, s in shapes(kind_of(config), config).items()}
    named = scatter(autoencoder.places(config, [*ours]), ours)
    found = autoencoder_in(SingleFile(Path("model.ckpt"), named))
    note = {"sample_size": config.sample_size}  # no tensor tells it
    assert replace(found.config, **note) == config
    assert len(found.tensors) == len(ours)
    assert (found.rule == ASSUMED) == (config.scaling_factor == 1.0)


def test_a_scale_that_a_training_measured_is_read() -> None:
    """Beside the first stage in a whole file, whose other networks are left out."""
    config = of((1, 2), 3, size=16)
    with torch.device("meta"):
        ours = {n: torch.empty(s) for n, s in shapes(kind_of(config), config).items()}
    named = scatter(compvis.autoencoder_places(config, [*ours]), ours)
    beside = {"scale_factor": torch.tensor(0.25), "model.diffusion_model.x": torch.zeros(1)}
    found = autoencoder_in(SingleFile(Path("model.ckpt"), {**named, **beside}))
    assert (found.config.scaling_factor, found.rule) == (0.25, "scale_factor of the file")
    assert found.dropped["model.diffusion_model.x"] == "no part of the autoencoder"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decoder.up.1.block.0.conv1.weight": None}, ["up.1.block.0.conv1.weight", "not in the"]),
        ({"encoder.down.1.block.0.conv1.weight": None}, ["should hold encoder.down.1"]),
        ({"encoder.down.0.block.0.conv1.weight": torch.zeros(())}, ["should hold encoder.down.0"]),
        ({"encoder.down.0.block.64.conv1.weight": torch.zeros(4)}, ["layers_per_block = 65"]),
        ({"quantize.embedding.weight": torch.zeros(4)}, ["should hold quantize.embedding.weight"]),
        ({"quantize.embedding.weight": None}, ["does not fit"]),
        ({"quantize.embed.weight": torch.zeros(4, 4)}, ['"quantize.embed.weight"', "not in the"]),
        ({"decoder.conv_in.weight": None}, ["should hold decoder.conv_in.weight"]),
    ],
)
def test_a_file_that_is_none_is_named(change, words) -> None:
    named = drawn(VQConfig(block_out_channels=(4, 8), norm_num_groups=4))
    tensors = scatter(autoencoder.places(named.config, [*named.tensors]), named.tensors)
    tensors = {n: t for n, t in (tensors | change).items() if t is not None}
    with pytest.raises(UserError) as caught:
        autoencoder_in(SingleFile(Path("model.ckpt"), tensors))
    assert all(word in str(caught.value) for word in ["model.ckpt", *words]), caught.value


def test_what_no_tensor_tells_has_its_usual_value() -> None:
    named = drawn(AutoencoderConfig(block_out_channels=(64, 96), layers_per_block=1))
    assert infer_config(named.tensors).norm_num_groups == 32
    narrow = drawn(AutoencoderConfig(block_out_channels=(24, 40), norm_num_groups=4))
    assert infer_config(narrow.tensors).norm_num_groups == 8
