"""How large the networks of a preset are: parameters, and operations of one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from calotype.autoencoder import Autoencoder, AutoencoderConfig, VQAutoencoder, VQConfig
from calotype.condition import Condition
from calotype.conditioning import CLIPTextConfig, CLIPTextEncoder
from calotype.presets.preset import Preset
from calotype.unet import UNet, UNetConfig


@dataclass(frozen=True)
class Measured:
    """One network. flops: of one call for one picture, a multiplication and an addition as two."""

    what: str
    parameters: int
    flops: int


def measured(preset: Preset) -> Iterator[Measured]:
    """The networks of a preset at the size that it was made for, built without memory.

    An autoencoder encodes a picture and decodes it; a UNet is called once, a text encoder with its
    longest text. Products of matrices and convolutions are counted, as is the custom.
    """
    with torch.device("meta"), torch.no_grad():
        if preset.autoencoder:
            yield _autoencoder(preset.autoencoder, preset.latent[-1] * preset.autoencoder.factor)
        if preset.unet:
            tokens = preset.text.max_position_embeddings if preset.text else preset.tokens
            yield _unet(preset.unet, preset.latent[-1], tokens)
        if preset.text:
            yield _text(preset.text)


def _autoencoder(config: AutoencoderConfig, side: int) -> Measured:
    network = VQAutoencoder(config) if isinstance(config, VQConfig) else Autoencoder(config)
    with _counter() as counter:
        network.decode(network.encode(torch.empty(1, config.in_channels, side, side)).mean)
    return _told("autoencoder", network, counter)


def _unet(config: UNetConfig, side: int, tokens: int) -> Measured:
    network = UNet(config)
    context, vector = None, None
    if config.reads_context:
        context = torch.empty(1, tokens, *{*config.per_level(config.cross_attention_dim)})
    if config.class_embed_type == "projection":
        vector = torch.empty(1, config.projection_class_embeddings_input_dim or 0)
    elif config.num_class_embeds:
        vector = torch.zeros(1, dtype=torch.int64)
    x, t = torch.empty(1, config.in_channels, side, side), torch.zeros(1, dtype=torch.int64)
    with _counter() as counter:
        network(x, t, Condition(context=context, vector=vector))
    return _told("UNet", network, counter)


def _text(config: CLIPTextConfig) -> Measured:
    network = CLIPTextEncoder(config)
    with _counter() as counter:
        network(torch.zeros(1, config.max_position_embeddings, dtype=torch.int64))
    return _told("text encoder", network, counter)


def _counter() -> FlopCounterMode:
    return FlopCounterMode(display=False)


def _told(what: str, network: nn.Module, counter: FlopCounterMode) -> Measured:
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Measured(what, parameters, counter.get_total_flops())
