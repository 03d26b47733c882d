"""What a preset's networks are said to cost is what torch counts when they are called."""

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plan import configs
from torch.utils.flop_counter import FlopCounterMode

from calotype.autoencoder import Autoencoder, AutoencoderConfig, VQAutoencoder, VQConfig
from calotype.condition import Condition
from calotype.conditioning import CLIPTextEncoder
from calotype.presets import measure, text_config
from calotype.unet import UNet, UNetConfig


def counted(call) -> int:
    """Multiplications and additions of a call on the device "meta"."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


@settings(max_examples=6, deadline=None)
@given(configs(), st.integers(1, 2), st.integers(1, 5), st.booleans())
def test_a_unet(config: UNetConfig, size: int, tokens: int, only_cross: bool):
    width = max(config.per_level(config.cross_attention_dim))
    config = replace(config, cross_attention_dim=width, only_cross_attention=only_cross)
    config = replace(config, class_embed_type="projection", projection_class_embeddings_input_dim=6)
    side = size * 2 ** len(config.block_out_channels)
    with torch.device("meta"):
        network = UNet(config)
        context = torch.empty(1, tokens, width) if config.reads_context else None
        condition = Condition(context=context, vector=torch.empty(1, 6))
        found = counted(lambda: network(torch.empty(1, 4, side, side), torch.empty(1), condition))
    assert 2 * measure.unet_products(network, side, tokens) == found


DOWN = ("DownEncoderBlock2D", "AttnDownEncoderBlock2D", "AttnDownEncoderBlock2D")
UP = ("UpDecoderBlock2D", "AttnUpDecoderBlock2D", "UpDecoderBlock2D")


@settings(max_examples=5, deadline=None)
@given(st.booleans(), st.booleans(), st.integers(1, 2), st.integers(1, 4))
def test_an_autoencoder(codebook: bool, middle: bool, layers: int, side: int):
    kind, network = (VQConfig, VQAutoencoder) if codebook else (AutoencoderConfig, Autoencoder)
    config = kind(
        block_out_channels=(8, 16, 24),
        down_block_types=DOWN,
        up_block_types=UP,
        norm_num_groups=4,
        layers_per_block=layers,
        mid_block_add_attention=middle,
    )
    with torch.device("meta"):
        built = network(config)
        pictures = torch.empty(1, 3, 4 * side, 4 * side)
        found = counted(lambda: built.decode(built.encode(pictures).mean))
    assert 2 * measure.autoencoder_products(built, side) == found


def test_a_text_encoder():
    with torch.device("meta"):
        network = CLIPTextEncoder(text_config("tiny"))
        ids = torch.zeros(1, network.config.max_position_embeddings, dtype=torch.int64)
        found = counted(lambda: network(ids))
    assert 2 * measure.text_products(network) == found
