"""The blocks of the UNet, down, middle and up, each built from its part of the plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, cat, nn

from calotype.layers import Downsample, PixelAttention, ResizingResnetBlock, ResnetBlock, Upsample
from calotype.unet.attention import SpatialTransformer
from calotype.unet.config import UNetConfig
from calotype.unet.plan import AttentionSpec, BlockSpec


def _resnets(spec: BlockSpec, config: UNetConfig, time_channels: int) -> nn.ModuleList:
    settings = _settings(config, time_channels)
    return nn.ModuleList(
        ResnetBlock(resnet.in_channels + resnet.skip_channels, resnet.out_channels, **settings)
        for resnet in spec.resnets
    )


def _settings(config: UNetConfig, time_channels: int) -> dict[str, Any]:
    """The arguments that all residual blocks of a UNet share."""
    return {
        "groups": config.norm_num_groups,
        "eps": config.norm_eps,
        "time_channels": time_channels,
        "scale_shift": config.resnet_time_scale_shift == "scale_shift",
    }


def _resampler(
    spec: BlockSpec,
    config: UNetConfig,
    time_channels: int,
    by_convolution: Callable[[int], nn.Module],
) -> nn.ModuleList:
    """A list with the layer that resizes at the end of a block, or without one."""
    if not spec.resampled:
        return nn.ModuleList()
    width = spec.out_channels
    if spec.by_resnet:
        return nn.ModuleList(
            [ResizingResnetBlock(width, width, **_settings(config, time_channels))]
        )
    return nn.ModuleList([by_convolution(width)])


def _attentions(spec: BlockSpec, config: UNetConfig) -> nn.ModuleList:
    return nn.ModuleList(_attention(attention, config) for attention in spec.attentions)


def _attention(spec: AttentionSpec, config: UNetConfig) -> nn.Module:
    groups = config.norm_num_groups
    if spec.context_channels is None:
        return PixelAttention(spec.channels, spec.heads, groups=groups, eps=config.norm_eps)
    return SpatialTransformer(spec, groups=groups, linear=config.use_linear_projection)


class DownBlock(nn.Module):
    """Residual blocks with or without attention, then downsampling unless it is the last level."""

    def __init__(self, spec: BlockSpec, config: UNetConfig, time_channels: int) -> None:
        super().__init__()
        self.resnets = _resnets(spec, config, time_channels)
        self.attentions = _attentions(spec, config)
        convolution = partial(Downsample, padding=1)
        self.downsamplers = _resampler(spec, config, time_channels, convolution)

    def forward(self, x: Tensor, emb: Tensor, context: Tensor | None) -> list[Tensor]:
        """x (B, C_in, h, w) -> the output of each layer, in order.

        All of them are skips; the last one, (B, C, h / 2, w / 2), is the next block's input.
        """
        outputs = []
        for index, resnet in enumerate(self.resnets):
            x = resnet(x, emb)
            if self.attentions:
                x = self.attentions[index](x, context)
            outputs.append(x)
        for downsample in self.downsamplers:
            resized = isinstance(downsample, ResizingResnetBlock)
            outputs.append(downsample(x, emb) if resized else downsample(x))
        return outputs


class MiddleBlock(nn.Module):
    """Residual block, attention, residual block at the lowest resolution: (B, C, h, w) -> same."""

    def __init__(self, spec: BlockSpec, config: UNetConfig, time_channels: int) -> None:
        super().__init__()
        self.resnets = _resnets(spec, config, time_channels)
        self.attentions = _attentions(spec, config)

    def forward(self, x: Tensor, emb: Tensor, context: Tensor | None) -> Tensor:
        x = self.resnets[0](x, emb)
        return self.resnets[1](self.attentions[0](x, context), emb)


class UpBlock(nn.Module):
    """Residual blocks that each take a skip, then upsampling to the size of the next skip."""

    def __init__(self, spec: BlockSpec, config: UNetConfig, time_channels: int) -> None:
        super().__init__()
        self.resnets = _resnets(spec, config, time_channels)
        self.attentions = _attentions(spec, config)
        self.upsamplers = _resampler(spec, config, time_channels, Upsample)

    def forward(
        self, x: Tensor, skips: list[Tensor], emb: Tensor, context: Tensor | None
    ) -> Tensor:
        """x (B, C_in, h, w) -> (B, C, h', w').

        skips: the block removes its own from the end of the list; the last one that remains has the
        size that the output is upsampled to.
        """
        for index, resnet in enumerate(self.resnets):
            x = resnet(cat([x, skips.pop()], dim=1), emb)
            if self.attentions:
                x = self.attentions[index](x, context)
        for upsample in self.upsamplers:
            size = skips[-1].shape[-2:]
            resized = isinstance(upsample, ResizingResnetBlock)
            x = upsample(x, emb, size) if resized else upsample(x, size)
        return x
