"""The size of a preset's networks: parameters, and operations of one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from calotype.autoencoder import AutoencoderConfig, autoencoder_of
from calotype.condition import Condition
from calotype.conditioning import CLIPTextConfig, CLIPTextEncoder
from calotype.presets.preset import Preset
from calotype.unet import UNet, UNetConfig


@dataclass(frozen=True)
class Measured:
    """One network. flops: of one call for one picture; a multiply-add counts as two."""

    what: str
    parameters: int
    flops: int


def measured(preset: Preset) -> Iterator[Measured]:
    """The networks of a preset at the size that it was made for, built and called on "meta".

    An autoencoder encodes a picture and decodes it; a UNet is called once; a text encoder reads a
    text of the largest length. Matrix products and convolutions are counted, as usual; the search
    in a codebook is not.
    """
    side = preset.latent[-1]
    with torch.device("meta"):
        if preset.autoencoder:
            yield _autoencoder(preset.autoencoder, side)
        if preset.unet:
            tokens = preset.text.max_position_embeddings if preset.text else preset.tokens
            yield _unet(preset.unet, side, tokens)
        if preset.text:
            yield _text(preset.text)


# Several presets share a network.
@cache
def _autoencoder(config: AutoencoderConfig, side: int) -> Measured:
    network = autoencoder_of(config)
    pictures = torch.empty(1, config.in_channels, side * network.factor, side * network.factor)
    return _measure("autoencoder", network, lambda: network.decode(network.encode(pictures).mean))


@cache
def _unet(config: UNetConfig, side: int, tokens: int) -> Measured:
    network, vector, context = UNet(config), None, None
    if config.num_class_embeds:
        vector = torch.zeros(1, dtype=torch.int64)
    elif config.projection_class_embeddings_input_dim:
        vector = torch.empty(1, config.projection_class_embeddings_input_dim)
    if config.reads_context:
        context = torch.empty(1, tokens, max(config.per_level(config.cross_attention_dim)))
    condition = Condition(context=context, vector=vector)
    x, t = torch.empty(1, config.in_channels, side, side), torch.empty(1)
    return _measure("UNet", network, lambda: network(x, t, condition))


@cache
def _text(config: CLIPTextConfig) -> Measured:
    network = CLIPTextEncoder(config)
    ids = torch.zeros(1, config.max_position_embeddings, dtype=torch.int64)
    return _measure("text encoder", network, lambda: network(ids))


def _measure(what: str, network: nn.Module, call: Callable[[], object]) -> Measured:
    parameters = sum(parameter.numel() for parameter in network.parameters())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return Measured(what, parameters, counter.get_total_flops())
