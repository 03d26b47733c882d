"""The fields and values of published config.json files of UNets, of both their classes."""

from __future__ import annotations

from typing import Any

# Types of down, middle and up blocks, and of the resampling at levels with attention: in networks
# that read a context, and in networks that read none.
WITH_CONTEXT = (
    ("CrossAttnDownBlock2D", "DownBlock2D", "ResnetDownsampleBlock2D"),
    ("UNetMidBlock2DCrossAttn", None),
    ("CrossAttnUpBlock2D", "UpBlock2D", "ResnetUpsampleBlock2D"),
    ("conv",),
)
WITHOUT = (
    ("AttnDownBlock2D", "DownBlock2D", "ResnetDownsampleBlock2D"),
    ("UNetMidBlock2D",),
    ("AttnUpBlock2D", "UpBlock2D", "ResnetUpsampleBlock2D"),
    ("conv", "resnet"),
)
SHIFTS = ("default", "scale_shift")

# Other fields of a UNet2DConditionModel, with the values at which they have no effect.
INACTIVE: dict[str, tuple[Any, ...]] = {
    "act_fn": ("silu", "swish"),
    "addition_embed_type": (None,),
    "addition_embed_type_num_heads": (64,),
    "addition_time_embed_dim": (None,),
    "attention_type": ("default",),
    "center_input_sample": (False,),
    "class_embeddings_concat": (False,),
    "conv_in_kernel": (3,),
    "conv_out_kernel": (3,),
    "cross_attention_norm": (None,),
    "downsample_padding": (1,),
    "dropout": (0.0,),
    "dual_cross_attention": (False,),
    "encoder_hid_dim": (None,),
    "encoder_hid_dim_type": (None,),
    "mid_block_only_cross_attention": (None, False),
    "mid_block_scale_factor": (1,),
    "num_attention_heads": (None,),
    "resnet_out_scale_factor": (1.0,),
    "resnet_skip_time_act": (False,),
    "reverse_transformer_layers_per_block": (None,),
    "time_embedding_act_fn": (None,),
    "time_embedding_dim": (None,),
    "time_embedding_type": ("positional",),
    "timestep_post_act": (None,),
}

# Fields that only a UNet2DModel has, which reads no context.
ONLY_WITHOUT = ("attn_norm_num_groups", "downsample_type", "upsample_type")

# Of a UNet2DModel: the fields that it does not have, its other fields with the values at which they
# have no effect, and the defaults of fields that its config.json leaves out.
ONLY_WITH_CONTEXT = (
    "only_cross_attention",
    "cross_attention_dim",
    "transformer_layers_per_block",
    "use_linear_projection",
    "projection_class_embeddings_input_dim",
    "time_cond_proj_dim",
    "upcast_attention",
)
INACTIVE_WITHOUT: dict[str, tuple[Any, ...]] = {
    "act_fn": ("silu", "swish"),
    "add_attention": (True,),
    "center_input_sample": (False,),
    "downsample_padding": (1,),
    "dropout": (0.0,),
    "mid_block_scale_factor": (1,),
    "num_train_timesteps": (None,),
    "time_embedding_dim": (None,),
    "time_embedding_type": ("positional",),
}
DEFAULTS_WITHOUT: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("DownBlock2D", *("AttnDownBlock2D",) * 3),
    "mid_block_type": "UNetMidBlock2D",
    "up_block_types": (*("AttnUpBlock2D",) * 3, "UpBlock2D"),
    "block_out_channels": (224, 448, 672, 896),
}
