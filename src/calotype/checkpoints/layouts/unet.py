"""The UNet in CompVis' files: input_blocks, middle_block, output_blocks.

The layers of attention without a context keep our names, so that only files of our own hold such a
UNet: CompVis' programs fuse queries, keys and values head by head, which no ``Place`` describes.
"""

from __future__ import annotations

from collections.abc import Iterable

from calotype.checkpoints.keymap import Place, Places, renamed
from calotype.unet import UNetConfig, plan

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
"""The names of a residual block's layers; those of transformers are the same in both."""


def places(config: UNetConfig, names: Iterable[str]) -> Places:
    """The places of the UNet's tensors with these names."""
    found = renamed(names, modules(config), RESNET)
    return {name: Place(theirs) for name, theirs in found.items()}


def modules(config: UNetConfig) -> dict[str, str]:
    """Our module paths -> theirs, with blocks numbered in the order a latent passes them."""
    found = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "time_embedding.cond_proj": "time_embed.cond_proj",
        "class_embedding.linear_1": "label_emb.0.0",
        "class_embedding.linear_2": "label_emb.0.2",
        "class_embedding": "label_emb",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    counted = plan(config)
    number = 1
    for block in counted.down:
        for layer in range(len(block.resnets)):
            found[f"{block.name}.resnets.{layer}"] = f"input_blocks.{number}.0"
            found[f"{block.name}.attentions.{layer}"] = f"input_blocks.{number}.1"
            number += 1
        if block.resampled:
            convolution, named = ("", "") if block.by_resnet else (".conv", ".op")
            found[f"{block.name}.downsamplers.0{convolution}"] = f"input_blocks.{number}.0{named}"
            number += 1
    number = 0
    for block in counted.up:
        for layer in range(len(block.resnets)):
            found[f"{block.name}.resnets.{layer}"] = f"output_blocks.{number}.0"
            found[f"{block.name}.attentions.{layer}"] = f"output_blocks.{number}.1"
            number += 1
        # Upsampling follows the last layer's attention, where there is one.
        after = 2 if block.attentions else 1
        convolution = "" if block.by_resnet else ".conv"
        ours, theirs = f"{block.name}.upsamplers.0", f"output_blocks.{number - 1}.{after}"
        found[f"{ours}{convolution}"] = f"{theirs}{convolution}"
    return found
