"""Networks of presets have the names and shapes of the reference library's."""

from dataclasses import replace

import diffusers
import pytest
import torch

from calotype.autoencoder import Autoencoder, VQAutoencoder, VQConfig
from calotype.presets import autoencoder_config, unet_config
from calotype.unet import UNet

STAGES = ("kl-f4", "kl-f16", "kl-f32", "vq-f4-noattn", "vq-f8", "sd-x4-upscaler")
UNETS = (
    "celeba256",
    "bsr_sr",
    "semantic_synthesis256",
    "cin256-v2",
    "layout2img-openimages256",
    "sd2-unclip-l",
    "sd-x4-upscaler",
)


def shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def reference(values):
    """The network of a config.json, of the class that it names."""
    return getattr(diffusers, values["_class_name"]).from_config(values)


@pytest.mark.parametrize("name", STAGES)
def test_a_first_stage(name):
    config = autoencoder_config(name)
    with torch.device("meta"):
        ours = VQAutoencoder(config) if isinstance(config, VQConfig) else Autoencoder(config)
        assert shapes(ours) == shapes(reference(config.to_json()))


@pytest.mark.parametrize("name", ["lsun_churches256", "inpainting_big"])
def test_a_unet_of_eight_heads_a_level(name):
    """diffusers' class takes one width for the heads of all levels; it changes no shape."""
    config = unet_config(name)
    assert {config.heads(level) for level in range(len(config.block_out_channels))} == {8}
    with torch.device("meta"):
        published = replace(config, attention_head_dim=config.block_out_channels[0]).to_json()
        assert shapes(UNet(config)) == shapes(reference(published))


@pytest.mark.parametrize("name", UNETS)
def test_a_unet(name):
    config = unet_config(name)
    with torch.device("meta"):
        assert shapes(UNet(config)) == shapes(reference(config.to_json()))
