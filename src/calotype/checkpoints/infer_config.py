"""The config of an autoencoder, inferred from the names and shapes of its tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from calotype.autoencoder import AutoencoderConfig, VQConfig
from calotype.autoencoder.config import BLOCKS
from calotype.errors import UserError

GROUPS = 32  # groups of every norm in the published autoencoders
CODEBOOK = "quantize.embedding.weight"
LAYER = re.compile(
    r"(?P<side>encoder\.down|decoder\.up)(?P<published>_blocks)?\.(?P<level>\d{1,3})"
    r"\.(?P<kind>block|resnets|attn|attentions)\.(?P<number>\d{1,3})\..*"
)
"""The name of a tensor in a level, in CompVis' files and in published folders."""
MIDDLE = ("encoder.mid.attn_1.", "encoder.mid_block.attentions.0.")


def infer_config(tensors: Mapping[str, Tensor]) -> AutoencoderConfig:
    """The config of the autoencoder with these tensors, a ``VQConfig`` if it has a codebook.

    The names are CompVis' or those of published folders. Two fields cannot be inferred:
    scaling_factor is taken as 1, norm_num_groups as the largest divisor of 32 and of every width.
    Raises UserError for a missing tensor; whether all the others fit is not checked here.
    """
    widths, layers, down, up = _levels(tensors)
    fields: dict[str, Any] = {
        "in_channels": _axis_size(tensors, "encoder.conv_in.weight", 1),
        "out_channels": _axis_size(tensors, "decoder.conv_out.weight", 0),
        "down_block_types": _types("down_block_types", down),
        "up_block_types": _types("up_block_types", up),
        "block_out_channels": widths,
        "layers_per_block": layers,
        "latent_channels": _axis_size(tensors, "decoder.conv_in.weight", 1),
        "norm_num_groups": math.gcd(GROUPS, *widths),
        "scaling_factor": 1.0,
        "mid_block_add_attention": any(name.startswith(MIDDLE) for name in tensors),
    }
    if CODEBOOK in tensors:
        size, channels = (_axis_size(tensors, CODEBOOK, axis) for axis in (0, 1))
        return VQConfig(**fields, num_vq_embeddings=size, vq_embed_dim=channels)
    return AutoencoderConfig(
        **fields,
        use_quant_conv="quant_conv.weight" in tensors,
        use_post_quant_conv="post_quant_conv.weight" in tensors,
    )


def _levels(tensors: Mapping[str, Tensor]) -> tuple[tuple[int, ...], int, list[bool], list[bool]]:
    """The levels' widths, the layers of a level, and which down and up blocks have attention."""
    levels, layers, attending, published = 0, 0, set[tuple[str, int]](), False
    for name in tensors:
        found = LAYER.fullmatch(name)
        if found is None:
            continue
        side, level, published = found["side"], int(found["level"]), found["published"] is not None
        if found["kind"] in ("attn", "attentions"):
            attending.add((side, level))
        elif side == "encoder.down":
            levels, layers = max(levels, level + 1), max(layers, int(found["number"]) + 1)
    if not levels:
        first = min(tensors, default="nothing")
        raise UserError(f"no autoencoder: no level of an encoder is in it, but {first}")
    blocks, block = ("_blocks", "resnets") if published else ("", "block")
    first = f"encoder.down{blocks}.{{}}.{block}.0.conv1.weight"
    widths = tuple(_axis_size(tensors, first.format(level), 0) for level in range(levels))
    down = [("encoder.down", level) in attending for level in range(levels)]
    up = [("decoder.up", level) in attending for level in range(levels)]
    # CompVis' decoders count levels from the highest resolution, published ones from the lowest.
    return widths, layers, down, up if published else up[::-1]


def same_shapes(one: AutoencoderConfig, other: AutoencoderConfig) -> bool:
    """Whether tensors of these configs have the same names and shapes."""
    return _inferable(one) == _inferable(other)


def _inferable(config: AutoencoderConfig) -> AutoencoderConfig:
    """The config with the fields that cannot be inferred from tensors set to fixed values."""
    not_inferable: dict[str, Any] = {
        "norm_num_groups": 1,
        "sample_size": 0,
        "scaling_factor": 1.0,
        "shift_factor": None,
        "force_upcast": False,
    }
    if isinstance(config, VQConfig):
        not_inferable["vq_embed_dim"] = config.diffused_channels
    return replace(config, **not_inferable)


def _types(field: str, attend: list[bool]) -> tuple[str, ...]:
    return tuple(BLOCKS[field][one] for one in attend)


def _axis_size(tensors: Mapping[str, Tensor], name: str, axis: int) -> int:
    if name not in tensors or tensors[name].ndim <= axis:
        raise UserError(f"no autoencoder: it should hold {name}")
    return tensors[name].shape[axis]
