"""The autoencoder in CompVis' files: levels named down and up, attention as 1x1 convolutions."""

from __future__ import annotations

from collections.abc import Iterable

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.keymap import Place, Places, renamed

ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
MATRICES = tuple(f".{layer}.weight" for layer in ATTENTION if layer.startswith("to_"))
LAYERS = ATTENTION | {"conv_shortcut": "nin_shortcut"}


def places(config: AutoencoderConfig, names: Iterable[str]) -> Places:
    """The places of the autoencoder's tensors with these names."""
    names = [*names]
    if not names:  # ``Pixels`` has no tensors, and its config no levels
        return {}
    found = renamed(names, modules(config), LAYERS)
    return {
        name: Place(theirs, as_convolution=name.endswith(MATRICES))
        for name, theirs in found.items()
    }


def modules(config: AutoencoderConfig) -> dict[str, str]:
    """Our module paths -> theirs, whose decoder counts levels from the highest resolution."""
    levels, layers = len(config.block_out_channels), config.layers_per_block
    found = {name: name for name in ("quant_conv", "post_quant_conv", "quantize")}
    for side in ("encoder", "decoder"):
        found |= {
            f"{side}.conv_in": f"{side}.conv_in",
            f"{side}.conv_norm_out": f"{side}.norm_out",
            f"{side}.conv_out": f"{side}.conv_out",
            f"{side}.mid_block.resnets.0": f"{side}.mid.block_1",
            f"{side}.mid_block.attentions.0": f"{side}.mid.attn_1",
            f"{side}.mid_block.resnets.1": f"{side}.mid.block_2",
        }
    for level in range(levels):
        down, up = f"encoder.down.{level}", f"decoder.up.{levels - 1 - level}"
        ours_down, ours_up = f"encoder.down_blocks.{level}", f"decoder.up_blocks.{level}"
        for layer in range(layers):
            found[f"{ours_down}.resnets.{layer}"] = f"{down}.block.{layer}"
            found[f"{ours_down}.attentions.{layer}"] = f"{down}.attn.{layer}"
        for layer in range(layers + 1):
            found[f"{ours_up}.resnets.{layer}"] = f"{up}.block.{layer}"
            found[f"{ours_up}.attentions.{layer}"] = f"{up}.attn.{layer}"
        found[f"{ours_down}.downsamplers.0.conv"] = f"{down}.downsample.conv"
        found[f"{ours_up}.upsamplers.0.conv"] = f"{up}.upsample.conv"
    return found
