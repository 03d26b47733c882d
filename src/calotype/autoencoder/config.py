"""The settings of a KL autoencoder, under their published names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from calotype.errors import UserError
from calotype.layers import read_fields

DOWN_BLOCK = "DownEncoderBlock2D"
UP_BLOCK = "UpDecoderBlock2D"

MOST_LAYERS = 64

# Fields of the published config.json with the values at which they ask for nothing.
_INACTIVE: dict[str, tuple[Any, ...]] = {
    "act_fn": ("silu", "swish"),
    "latents_mean": (None,),
    "latents_std": (None,),
}


@dataclass(frozen=True)
class AutoencoderConfig:
    """What an autoencoder is built from: the fields of a published AutoencoderKL config.json.

    block_out_channels: width of each level; every level but the last halves the picture.
    layers_per_block: residual blocks a level in the encoder; the decoder has one more.
    sample_size: the size of the training pictures (a note; any size works).
    scaling_factor, shift_factor: scaled latents = (raw latents - shift_factor) * scaling_factor.
    force_upcast: float16 overflows in these weights (a note for whoever picks the type).
    """

    in_channels: int = 3
    out_channels: int = 3
    block_out_channels: tuple[int, ...] = (64,)
    layers_per_block: int = 1
    latent_channels: int = 4
    norm_num_groups: int = 32
    sample_size: int = 32
    scaling_factor: float = 0.18215
    shift_factor: float | None = None
    force_upcast: bool = True
    use_quant_conv: bool = True
    use_post_quant_conv: bool = True
    mid_block_add_attention: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.layers_per_block <= MOST_LAYERS:
            raise UserError(
                f"layers_per_block = {self.layers_per_block}: must be from 1 to {MOST_LAYERS}"
            )
        for channels in self.block_out_channels:
            if channels % self.norm_num_groups:
                raise UserError(
                    f"block_out_channels = {self.block_out_channels}: each must be a multiple of "
                    f"norm_num_groups = {self.norm_num_groups}"
                )

    @property
    def factor(self) -> int:
        """How many pixels a latent is wide: 8 in Stable Diffusion."""
        return 2 ** (len(self.block_out_channels) - 1)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> AutoencoderConfig:
        """The record in a published config.json; UserError for what is not supported."""
        values = dict(values)
        found = read_fields(AutoencoderConfig, _without_block_types(values), _INACTIVE)
        config = AutoencoderConfig(**found)
        for name, kind in (("down_block_types", DOWN_BLOCK), ("up_block_types", UP_BLOCK)):
            types = list(values.get(name, [kind]))
            if types != [kind] * len(config.block_out_channels):
                raise UserError(
                    f"AutoencoderConfig: {name} = {types} is not supported, "
                    f"only one {kind} for each of block_out_channels"
                )
        return config

    def to_json(self) -> dict[str, Any]:
        """The config.json of this autoencoder, as diffusers reads it."""
        levels = len(self.block_out_channels)
        return {
            "_class_name": "AutoencoderKL",
            **asdict(self),
            "block_out_channels": list(self.block_out_channels),
            "act_fn": "silu",
            "down_block_types": [DOWN_BLOCK] * levels,
            "up_block_types": [UP_BLOCK] * levels,
        }


def _without_block_types(values: Mapping[str, Any]) -> dict[str, Any]:
    blocks = ("down_block_types", "up_block_types")
    return {name: value for name, value in values.items() if name not in blocks}
