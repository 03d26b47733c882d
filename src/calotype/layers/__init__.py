"""Layers that several networks share: norms, residual blocks, attention, timestep embeddings."""

from calotype.layers.attention import Attention, PixelAttention, attend
from calotype.layers.resnet import (
    Downsample,
    GroupNormSiLU,
    ResizingResnetBlock,
    ResnetBlock,
    Upsample,
)
from calotype.layers.timestep import TimestepEmbedding, sinusoids

__all__ = [
    "Attention",
    "Downsample",
    "GroupNormSiLU",
    "PixelAttention",
    "ResizingResnetBlock",
    "ResnetBlock",
    "TimestepEmbedding",
    "Upsample",
    "attend",
    "sinusoids",
]
