"""How large the networks of a preset are: parameters, and operations of one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from calotype.autoencoder import Autoencoder, AutoencoderConfig, VQAutoencoder, autoencoder_of
from calotype.conditioning import CLIPTextConfig, CLIPTextEncoder
from calotype.conditioning.clip import SelfAttention
from calotype.layers import Attention
from calotype.presets.preset import Preset
from calotype.unet import UNet, UNetConfig
from calotype.unet.attention import TransformerBlock


@dataclass(frozen=True)
class Measured:
    """One network. flops: of one call for one picture, a multiplication and an addition as two."""

    what: str
    parameters: int
    flops: int


def measured(preset: Preset) -> Iterator[Measured]:
    """The networks of a preset at the size that it was made for, built without memory.

    An autoencoder encodes a picture and decodes it; a UNet is called once; a text encoder reads its
    longest text. Products of matrices and convolutions count, as is the custom; the search in a
    codebook does not.
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
    return _told("autoencoder", network, autoencoder_products(network, side))


@cache
def _unet(config: UNetConfig, side: int, tokens: int) -> Measured:
    network = UNet(config)
    return _told("UNet", network, unet_products(network, side, tokens))


@cache
def _text(config: CLIPTextConfig) -> Measured:
    network = CLIPTextEncoder(config)
    return _told("text encoder", network, text_products(network))


def _told(what: str, network: nn.Module, products: int) -> Measured:
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Measured(what, parameters, 2 * products)


def autoencoder_products(network: Autoencoder | VQAutoencoder, side: int) -> int:
    """Multiply-adds of encoding and decoding one picture whose latents have this side."""
    encoder, decoder, total = network.encoder, network.decoder, 0
    for up, level in enumerate(reversed(range(len(encoder.down_blocks)))):
        places = (side << up) ** 2
        total += _in(encoder.down_blocks[level], places) + _in(decoder.up_blocks[up], places)
    pixels = (side * network.factor) ** 2
    total += _in(encoder.conv_in, pixels) + _in(decoder.conv_out, pixels)
    for part in (encoder.mid_block, encoder.conv_out, decoder.conv_in, decoder.mid_block):
        total += _in(part, side**2)
    for part in (network.quant_conv, network.post_quant_conv):
        total += _in(part, side**2) if part else 0
    return total


def unet_products(network: UNet, side: int, tokens: int) -> int:
    """Multiply-adds of one call for a latent of this side, with so many tokens of context.

    The levels must halve the side evenly.
    """
    total = _in(network.conv_in, side**2) + _in(network.conv_out, side**2)
    total += _in(network.time_embedding, 1)
    total += _in(network.class_embedding, 1) if network.class_embedding else 0
    for spec in network.plan.blocks:
        total += _in(network.get_submodule(spec.name), (side // spec.factor) ** 2, tokens)
    return total


def text_products(network: CLIPTextEncoder) -> int:
    """Multiply-adds of reading one text of the greatest length."""
    return _in(network, network.config.max_position_embeddings)


def _in(block: nn.Module, places: int, tokens: int = 0) -> int:
    """Multiply-adds in a part of a network whose features have so many places."""
    reading = {
        f"{name}.{own}"
        for name, part in block.named_modules()
        if isinstance(part, TransformerBlock)
        for own in (("attn1", "attn2") if part.only_cross else ("attn2",))
    }

    def times(name: str) -> int:
        """How often a weight is applied."""
        owner, _, last = name.rpartition(".")
        if last == "time_emb_proj":
            return 1
        if name.startswith("downsamplers."):
            return places // 4
        if name.startswith("upsamplers."):
            return places * 4
        return tokens if owner in reading and last in ("to_k", "to_v") else places

    total = 0
    for name, part in block.named_modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            total += part.weight.numel() * times(name)
        elif isinstance(part, Attention):
            keys = tokens if name in reading else places
            total += 2 * places * keys * part.to_q.out_features
        elif isinstance(part, SelfAttention):
            total += 2 * places**2 * part.q_proj.out_features
    return total
