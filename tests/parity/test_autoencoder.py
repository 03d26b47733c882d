"""The autoencoders against diffusers' AutoencoderKL and VQModel, through the folders it saves."""

import diffusers
import pytest
import torch
from reference import TOLERANCE, difference, redraw

from calotype.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    Posterior,
    VQAutoencoder,
    VQConfig,
)
from calotype.autoencoder.config import BLOCKS
from calotype.checkpoints.component import load_component, save_component
from calotype.checkpoints.kinds import AUTOENCODER_KL, VQ_MODEL
from calotype.errors import UserError
from calotype.presets import sd1, sd2

DOWN, UP = BLOCKS["down_block_types"], BLOCKS["up_block_types"]
BASE = AutoencoderConfig(block_out_channels=(8, 16, 32), norm_num_groups=4)
VARIANTS = {
    "one block a level": BASE,
    "two blocks a level": AutoencoderConfig(
        block_out_channels=(8, 16), layers_per_block=2, norm_num_groups=4, latent_channels=3
    ),
    "attention at some levels": AutoencoderConfig(
        block_out_channels=(8, 16, 16),
        norm_num_groups=4,
        down_block_types=(DOWN[0], DOWN[1], DOWN[1]),
        up_block_types=(UP[1], UP[0], UP[0]),
    ),
    "no attention": AutoencoderConfig(
        block_out_channels=(8, 16), norm_num_groups=4, mid_block_add_attention=False
    ),
    "no convolutions around the latent": AutoencoderConfig(
        block_out_channels=(8, 8),
        norm_num_groups=2,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ),
}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", VARIANTS)
def test_outputs_equal(name, dtype, tmp_path):
    reference = diffusers.AutoencoderKL.from_config(VARIANTS[name].to_json())
    redraw(reference.to(dtype)).save_pretrained(tmp_path)
    ours = load_component(AUTOENCODER_KL, tmp_path, dtype=dtype)
    assert isinstance(ours, Autoencoder)
    # 20 x 24: not square, and odd after the second halving.
    pictures = torch.rand(2, 3, 20, 24, dtype=dtype) * 2 - 1
    with torch.no_grad():
        expected, posterior = reference.encode(pictures).latent_dist, ours.encode(pictures)
        noise = torch.randn(posterior.mean.shape, dtype=dtype)
        pairs = [
            (posterior.mean, expected.mean),
            (posterior.std, expected.std),
            (posterior.sample(noise), expected.mean + expected.std * noise),
            (posterior.kl(), expected.kl()),
            (ours.decode(noise), reference.decode(noise).sample),
        ]
    for mine, theirs in pairs:
        assert difference(mine, theirs) < TOLERANCE[dtype]


VQ = {
    "as the paper's f4": VQConfig(block_out_channels=(8, 16, 16), norm_num_groups=4),
    "other channels inside": VQConfig(
        block_out_channels=(8, 16), norm_num_groups=4, latent_channels=6, vq_embed_dim=4
    ),
    "attention, as the paper's f8": VQConfig(
        block_out_channels=(8, 16),
        norm_num_groups=4,
        num_vq_embeddings=40,
        down_block_types=DOWN,
        up_block_types=UP[::-1],
    ),
}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", VQ)
def test_a_codebook_is_the_same(name, dtype, tmp_path):
    """Latents, the vectors that are chosen, and pictures of both; our folder opens there too."""
    reference = diffusers.VQModel.from_config(VQ[name].to_json())
    redraw(reference.to(dtype)).save_pretrained(tmp_path / "theirs")
    ours = load_component(VQ_MODEL, tmp_path / "theirs", dtype=dtype)
    assert isinstance(ours, VQAutoencoder)
    assert ours.config == VQ[name]
    pictures = torch.rand(2, 3, 20, 24, dtype=dtype) * 2 - 1
    with torch.no_grad():
        expected, latents = reference.encode(pictures).latents, ours.encode(pictures).mean
        assert difference(latents, expected) < TOLERANCE[dtype]
        *_, (_, _, chosen) = reference.quantize(expected)
        assert torch.equal(ours.quantize(expected).indices.flatten(), chosen)
        pairs = [
            (ours.decode(expected), reference.decode(expected).sample),
            (
                ours.decode_quantized(expected),
                reference.decode(expected, force_not_quantize=True).sample,
            ),
        ]
    for mine, theirs in pairs:
        assert difference(mine, theirs) < TOLERANCE[dtype]
    save_component(ours, tmp_path / "ours")
    again = diffusers.VQModel.from_pretrained(tmp_path / "ours").state_dict()
    for key, tensor in reference.state_dict().items():
        assert torch.equal(again[key], tensor.to(again[key].dtype))


def test_a_posterior_far_out_stays_finite():
    moments = torch.tensor([0.0, -1e4]).reshape(1, 2, 1, 1)
    reference = diffusers.models.autoencoders.vae.DiagonalGaussianDistribution(moments)
    assert torch.equal(Posterior.from_moments(moments).kl(), reference.kl())
    assert Posterior.from_moments(-moments).kl().isfinite().all()


@pytest.mark.parametrize("preset", [sd1, sd2], ids=["sd1", "sd2"])
def test_full_size_names_and_shapes(preset):
    with torch.device("meta"):
        reference = diffusers.AutoencoderKL.from_config(preset.AUTOENCODER.to_json())
        ours = Autoencoder(preset.AUTOENCODER)
    assert _shapes(ours) == _shapes(reference)


def _shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def test_config_survives_the_file():
    for config in VARIANTS.values():
        assert AutoencoderConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"act_fn": "gelu"}, "act_fn = 'gelu' is not supported, only 'silu'"),
        ({"latents_mean": [0.1]}, "latents_mean"),
        ({"down_block_types": ["AttnDownEncoderBlock2D"] * 2}, "down_block_types"),
        ({"up_block_types": ["UpBlock2D"] * 3}, "up_block_types"),
        ({"block_out_channels": [8, 10, 32]}, "multiple of norm_num_groups = 4"),
        ({"scaling_facter": 1.0}, 'did you mean "scaling_factor"'),
    ],
)
def test_what_is_not_supported_is_named(change, message):
    with pytest.raises(UserError) as error:
        AutoencoderConfig.from_json({**BASE.to_json(), **change})
    assert message in str(error.value)
