"""Sizes of the named networks."""

import pytest
import torch

from calotype.autoencoder import Autoencoder
from calotype.conditioning import CLIPTextEncoder
from calotype.errors import UserError
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.unet import UNet


def _sizes(preset: str) -> list[int]:
    with torch.device("meta"):
        networks = (
            UNet(unet_config(preset)),
            Autoencoder(autoencoder_config(preset)),
            CLIPTextEncoder(text_config(preset)),
        )
    return [sum(p.numel() for p in network.parameters()) for network in networks]


def test_published_sizes():
    # The model cards say 860 M (UNet) and 123 M (text) for SD 1, 865 M for SD 2. To the last digit
    # these are diffusers' and transformers' counts for the published configs.
    assert _sizes("sd1") == [859_520_964, 83_653_863, 123_060_480]
    assert _sizes("sd2") == [865_910_724, 83_653_863, 340_387_840]


def test_our_own_keep_their_limits():
    assert sum(_sizes("tiny")) < 1_000_000
    sizes = _sizes("scenes")
    assert sizes[0] <= 15_000_000
    assert 2 * sum(sizes) < 40e6  # bytes in float16


def test_an_unknown_preset_is_named():
    with pytest.raises(UserError, match=r'"scene" is not one of .*; did you mean "scenes"'):
        unet_config("scene")
