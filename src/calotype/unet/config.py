"""UNetConfig: the settings of a UNet, under their published names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from calotype.errors import UserError
from calotype.published_config import read_fields
from calotype.unet import published

T = TypeVar("T")

CLASS_EMBEDDINGS = (None, "timestep", "projection")
MAX_LAYERS = 64


@dataclass(frozen=True)
class UNetConfig:
    """The fields of the config.json of a published UNet2DConditionModel, or of a UNet2DModel.

    A UNet2DModel reads no context; its ``mid_block_type`` is "UNetMidBlock2D".

    Where a field takes one value or a tuple, the tuple has one value for each level, from the
    highest resolution.

    sample_size: side of the latents of the training pictures (a note; any size works).
    in_channels: channels of the latent and of ``Condition.concat`` together.
    down_block_types, up_block_types: ``down`` from the highest resolution, ``up`` from the lowest.
        "Resnet..." types end in a residual block that halves or doubles the size; the others in a
        convolution, or as ``downsample_type`` and ``upsample_type`` say where there is attention.
    mid_block_type: None for no middle block; "UNetMidBlock2D" in a network that reads no context.
    only_cross_attention: the first attention of a transformer block reads the context as well,
        instead of being self-attention.
    attention_head_dim: the *number of heads* in Stable Diffusion 1 and 2, an inherited misnomer (8
        heads in SD 1; 5, 10, 20, 20 in SD 2, so that heads are 64 wide); in a network that reads no
        context, the width of a head, as the name says.
    use_linear_projection: linear layers around the transformers (SD 2), else 1x1 convolutions.
    upcast_attention: scores in float32. Torch's fused attention always does this (a note).
    class_embed_type: what ``Condition.vector`` is: "projection": a float vector of width
        ``projection_class_embeddings_input_dim``; "timestep": a number embedded as time is; None:
        an index into a table of ``num_class_embeds`` rows, if that is given.
    time_cond_proj_dim: width of ``Condition.guidance``.
    attn_norm_num_groups: must be norm_num_groups in a network with "scale_shift" that reads no
        context; otherwise its attention in the middle would have no norm.
    """

    sample_size: int | tuple[int, int] | None = None
    in_channels: int = 4
    out_channels: int = 4
    flip_sin_to_cos: bool = True
    freq_shift: int = 0
    down_block_types: tuple[str, ...] = (
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "DownBlock2D",
    )
    mid_block_type: str | None = "UNetMidBlock2DCrossAttn"
    up_block_types: tuple[str, ...] = (
        "UpBlock2D",
        "CrossAttnUpBlock2D",
        "CrossAttnUpBlock2D",
        "CrossAttnUpBlock2D",
    )
    only_cross_attention: bool | tuple[bool, ...] = False
    block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280)
    layers_per_block: int | tuple[int, ...] = 2
    norm_num_groups: int = 32
    norm_eps: float = 1e-5
    cross_attention_dim: int | tuple[int, ...] = 1280
    transformer_layers_per_block: int | tuple[int, ...] = 1
    attention_head_dim: int | tuple[int, ...] = 8
    use_linear_projection: bool = False
    class_embed_type: Literal["timestep", "projection"] | None = None
    num_class_embeds: int | None = None
    projection_class_embeddings_input_dim: int | None = None
    time_cond_proj_dim: int | None = None
    upcast_attention: bool = False
    resnet_time_scale_shift: Literal["default", "scale_shift"] = "default"
    downsample_type: Literal["conv", "resnet"] = "conv"
    upsample_type: Literal["conv", "resnet"] = "conv"
    attn_norm_num_groups: int | None = None

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_levels()
        if self.class_embed_type == "projection" and not self.projection_class_embeddings_input_dim:
            raise UserError(
                'class_embed_type = "projection" needs projection_class_embeddings_input_dim'
            )
        heads = self.per_level(self.attention_head_dim)
        for channels, count in zip(self.block_out_channels, heads, strict=True):
            if channels % self.norm_num_groups or channels % count:
                raise UserError(
                    f"block_out_channels = {self.block_out_channels}: each must be a multiple of "
                    f"norm_num_groups = {self.norm_num_groups} and of the number of heads, "
                    f"attention_head_dim = {self.attention_head_dim}"
                )

    def _check_choices(self) -> None:
        known = published.WITH_CONTEXT if self.reads_context else published.WITHOUT
        down, middle, up, between = known
        normed: tuple[int | None, ...] = (None,)
        if not self.reads_context:
            shifts = self.resnet_time_scale_shift == "scale_shift"
            normed = (self.norm_num_groups,) if shifts else (None, self.norm_num_groups)
        choices: tuple[tuple[str, tuple[Any, ...], tuple[Any, ...]], ...] = (
            ("down_block_types", self.down_block_types, down),
            ("mid_block_type", (self.mid_block_type,), middle),
            ("up_block_types", self.up_block_types, up),
            ("class_embed_type", (self.class_embed_type,), CLASS_EMBEDDINGS),
            ("resnet_time_scale_shift", (self.resnet_time_scale_shift,), published.SHIFTS),
            ("downsample_type", (self.downsample_type,), between),
            ("upsample_type", (self.upsample_type,), between),
            ("attn_norm_num_groups", (self.attn_norm_num_groups,), normed),
        )
        for name, values, allowed in choices:
            for value in values:
                if value not in allowed:
                    raise UserError(f"{name}: {value!r} is not supported, only {allowed}")

    def _check_levels(self) -> None:
        levels = len(self.block_out_channels)
        for name in (
            "down_block_types",
            "up_block_types",
            "only_cross_attention",
            "layers_per_block",
            "cross_attention_dim",
            "transformer_layers_per_block",
            "attention_head_dim",
        ):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != levels:
                raise UserError(
                    f"{name} = {value} has {len(value)} levels, block_out_channels has {levels}"
                )

        for name in ("layers_per_block", "transformer_layers_per_block"):
            if not all(1 <= count <= MAX_LAYERS for count in self.per_level(getattr(self, name))):
                raise UserError(
                    f"{name} = {getattr(self, name)}: must be from 1 to {MAX_LAYERS} on each level"
                )

    @property
    def reads_context(self) -> bool:
        """Whether there is attention to ``Condition.context``, or self-attention alone."""
        return self.mid_block_type != "UNetMidBlock2D"

    def heads(self, level: int) -> int:
        """The number of heads of the attention on a level."""
        value = self.per_level(self.attention_head_dim)[level]
        return value if self.reads_context else self.block_out_channels[level] // value

    def per_level(self, value: T | tuple[T, ...]) -> tuple[T, ...]:
        """A tuple with the value of each level, from one value for all or such a tuple."""
        return value if isinstance(value, tuple) else (value,) * len(self.block_out_channels)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> UNetConfig:
        """The record of a published config.json; raises UserError for what is not supported."""
        if values.get("_class_name") == "UNet2DModel":
            found = read_fields(UNetConfig, values, published.INACTIVE_WITHOUT)
            return UNetConfig(**{**published.DEFAULTS_WITHOUT, **found})
        config = UNetConfig(**read_fields(UNetConfig, values, published.INACTIVE))
        if not config.reads_context:
            # In a UNet2DConditionModel it would be a single residual block.
            raise UserError(f'mid_block_type: "{config.mid_block_type}" needs a UNet2DModel')
        return config

    def to_json(self) -> dict[str, Any]:
        """The config.json of this UNet, as diffusers reads it.

        Except for a tuple as ``attention_head_dim`` in a network that reads no context: there
        diffusers has one value for all levels.
        """
        ours = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        written, inactive = "UNet2DConditionModel", published.INACTIVE
        missing = published.ONLY_WITHOUT
        if not self.reads_context:
            written, inactive = "UNet2DModel", published.INACTIVE_WITHOUT
            missing = published.ONLY_WITH_CONTEXT
        for name in missing:
            del ours[name]
        defaults = {name: values[0] for name, values in inactive.items()}
        return {"_class_name": written, **defaults, **ours}
