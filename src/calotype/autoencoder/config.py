"""The settings of KL and VQ autoencoders, under their published names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from calotype.errors import UserError
from calotype.published_config import read_fields

BLOCKS = {
    "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
    "up_block_types": ("UpDecoderBlock2D", "AttnUpDecoderBlock2D"),
}
"""The types of a level's block: without attention, and with attention after each residual block."""

MAX_LAYERS = 64

# Other fields of a published config.json, with the values at which they have no effect.
_INACTIVE: dict[str, tuple[Any, ...]] = {
    "act_fn": ("silu", "swish"),
    "latents_mean": (None,),
    "latents_std": (None,),
}

_INACTIVE_OF_VQ: dict[str, tuple[Any, ...]] = {
    "norm_type": ("group",),
    "lookup_from_codebook": (False,),
}


@dataclass(frozen=True)
class AutoencoderConfig:
    """The fields of the config.json of a published AutoencoderKL.

    down_block_types, up_block_types: names from ``BLOCKS``, one for each level; empty for no
        attention at any level.
    block_out_channels: width of each level; every level but the last halves the resolution.
    layers_per_block: residual blocks of a level of the encoder; the decoder has one more.
    sample_size: side of the training pictures (a note; any size works).
    scaling_factor, shift_factor: scaled latents = (raw latents - shift_factor) * scaling_factor.
    force_upcast: float16 overflows with these weights (a note for the choice of the type).
    """

    in_channels: int = 3
    out_channels: int = 3
    down_block_types: tuple[str, ...] = ()
    up_block_types: tuple[str, ...] = ()
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
        if not 1 <= self.layers_per_block <= MAX_LAYERS:
            raise UserError(
                f"layers_per_block = {self.layers_per_block}: must be from 1 to {MAX_LAYERS}"
            )
        for channels in self.block_out_channels:
            if channels % self.norm_num_groups:
                raise UserError(
                    f"block_out_channels = {self.block_out_channels}: each must be a multiple of "
                    f"norm_num_groups = {self.norm_num_groups}"
                )

        for name, allowed in BLOCKS.items():
            types = getattr(self, name) or allowed[:1] * len(self.block_out_channels)
            if len(types) != len(self.block_out_channels) or not set(types) <= {*allowed}:
                raise UserError(
                    f"AutoencoderConfig: {name} = {list(types)} is not supported, only one of "
                    f"{' or '.join(allowed)} for each of block_out_channels"
                )
            object.__setattr__(self, name, types)

    @property
    def attention_down(self) -> tuple[bool, ...]:
        """Whether each level of the encoder has attention, from the highest resolution."""
        return tuple(name == BLOCKS["down_block_types"][1] for name in self.down_block_types)

    @property
    def attention_up(self) -> tuple[bool, ...]:
        """Whether each level of the decoder has attention, from the lowest resolution."""
        return tuple(name == BLOCKS["up_block_types"][1] for name in self.up_block_types)

    @property
    def encoded_channels(self) -> int:
        """Channels of the encoder's output: a mean and a log-variance for each of the latent's."""
        return 2 * self.latent_channels

    @property
    def diffused_channels(self) -> int:
        """Channels of the latents that a diffusion model sees."""
        return self.latent_channels

    @property
    def factor(self) -> int:
        """Pixels per latent, along each side: 8 in Stable Diffusion."""
        return 2 ** (len(self.block_out_channels) - 1)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> AutoencoderConfig:
        """The record of a published config.json; raises UserError for what is not supported."""
        return AutoencoderConfig(**read_fields(AutoencoderConfig, values, _INACTIVE))

    def to_json(self) -> dict[str, Any]:
        """The config.json of this autoencoder, as diffusers reads it."""
        return {"_class_name": "AutoencoderKL", **_tuples_as_lists(asdict(self)), "act_fn": "silu"}


@dataclass(frozen=True)
class VQConfig(AutoencoderConfig):
    """The fields of the config.json of a published VQModel.

    num_vq_embeddings, vq_embed_dim: the number of vectors in the codebook, and their channels
        (None: latent_channels).
    """

    latent_channels: int = 3
    num_vq_embeddings: int = 256
    vq_embed_dim: int | None = None
    force_upcast: bool = False

    @property
    def encoded_channels(self) -> int:
        """Channels of the encoder's output."""
        return self.latent_channels

    @property
    def diffused_channels(self) -> int:
        """Channels of the codebook's vectors, and of the latents before quantisation."""
        return self.latent_channels if self.vq_embed_dim is None else self.vq_embed_dim

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> VQConfig:
        """The record of a published config.json; raises UserError for what is not supported."""
        return VQConfig(**read_fields(VQConfig, values, _INACTIVE | _INACTIVE_OF_VQ))

    def to_json(self) -> dict[str, Any]:
        """The config.json of this autoencoder, as diffusers reads it."""
        values = _tuples_as_lists(asdict(self))
        for name in ("shift_factor", "use_quant_conv", "use_post_quant_conv"):
            del values[name]
        return {"_class_name": "VQModel", **values, "act_fn": "silu", "norm_type": "group"}


def _tuples_as_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
