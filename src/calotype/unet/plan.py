"""The plan of a UNet as data: the channels, skips and heads of every block, before any is built."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.unet.config import UNetConfig


@dataclass(frozen=True)
class ResnetSpec:
    """The channels of one residual block: from the block before, from a skip, and of its output."""

    in_channels: int
    skip_channels: int  # 0 in down blocks and in the middle
    out_channels: int


@dataclass(frozen=True)
class AttentionSpec:
    """One spatial transformer of ``layers`` blocks that read a context ``context_channels`` wide.

    context_channels None: a single self-attention instead, which reads no context.
    """

    channels: int
    heads: int
    layers: int
    context_channels: int | None
    only_cross: bool

    @property
    def head_dim(self) -> int:
        """The width of a head."""
        return self.channels // self.heads


@dataclass(frozen=True)
class BlockSpec:
    """One block of the UNet.

    name: its module's path, such as ``down_blocks.0``.
    factor: how many times smaller its feature maps are than the input (1, 2, 4, ...).
    resnets, attentions: in order; ``attentions`` is empty, or has one after each residual block
        (in the middle, between them).
    resampled: whether it ends in downsampling (a down block) or upsampling (an up block).
    by_resnet: whether that is a residual block.
    """

    name: str
    factor: int
    resnets: tuple[ResnetSpec, ...]
    attentions: tuple[AttentionSpec, ...]
    resampled: bool
    by_resnet: bool = False

    @property
    def out_channels(self) -> int:
        """Channels of the block's output."""
        return self.resnets[-1].out_channels

    @property
    def pushed(self) -> tuple[int, ...]:
        """Of a down block, the channels of its skips: of each layer, then of its downsampling."""
        return (self.out_channels,) * (len(self.resnets) + self.resampled)


@dataclass(frozen=True)
class Plan:
    """The whole UNet as data: its blocks in the order in which a latent passes through them."""

    time_channels: int
    in_channels: int  # of the first block: the output of the convolution before it
    down: tuple[BlockSpec, ...]
    middle: BlockSpec | None
    up: tuple[BlockSpec, ...]

    @property
    def blocks(self) -> tuple[BlockSpec, ...]:
        """All blocks, down, middle and up."""
        return (*self.down, *((self.middle,) if self.middle else ()), *self.up)

    @property
    def skips(self) -> tuple[int, ...]:
        """Channels of every skip in the order produced; up blocks take them from the end."""
        return (self.in_channels, *(width for block in self.down for width in block.pushed))


def plan(config: UNetConfig) -> Plan:
    """The plan of a UNet with this config.

    An up block has one residual block more than the down block of its level.
    """
    widths = config.block_out_channels
    down = tuple(_down(config, level) for level in range(len(widths)))
    skips = [widths[0], *(width for block in down for width in block.pushed)]
    up, channels = [], widths[-1]
    for index in range(len(widths)):
        up.append(_up(config, index, channels, skips))
        channels = up[-1].out_channels
    assert not skips
    return Plan(4 * widths[0], widths[0], down, _middle(config), tuple(up))


def _down(config: UNetConfig, level: int) -> BlockSpec:
    widths = config.block_out_channels
    width, layers = widths[level], config.per_level(config.layers_per_block)[level]
    kind = config.down_block_types[level]
    attended = "Attn" in kind
    return BlockSpec(
        name=f"down_blocks.{level}",
        factor=2**level,
        resnets=_chain(widths[max(level - 1, 0)], width, (0,) * layers),
        attentions=(_attention(config, level),) * (layers * attended),
        resampled=level < len(widths) - 1,
        by_resnet=_by_resnet(kind, config.downsample_type),
    )


def _middle(config: UNetConfig) -> BlockSpec | None:
    if config.mid_block_type is None:
        return None
    level = len(config.block_out_channels) - 1
    width = config.block_out_channels[level]
    return BlockSpec(
        name="mid_block",
        factor=2**level,
        resnets=_chain(width, width, (0, 0)),
        attentions=(_attention(config, level, middle=True),),
        resampled=False,
    )


def _up(config: UNetConfig, index: int, channels: int, skips: list[int]) -> BlockSpec:
    """The ``index``-th up block, with ``channels`` inputs; removes its skips from ``skips``."""
    level = len(config.block_out_channels) - 1 - index
    layers = config.per_level(config.layers_per_block)[level] + 1
    kind = config.up_block_types[index]
    attended = "Attn" in kind
    taken = tuple(skips.pop() for _ in range(layers))
    return BlockSpec(
        name=f"up_blocks.{index}",
        factor=2**level,
        resnets=_chain(channels, config.block_out_channels[level], taken),
        attentions=(_attention(config, level),) * (layers * attended),
        resampled=level > 0,
        by_resnet=_by_resnet(kind, config.upsample_type),
    )


def _by_resnet(kind: str, with_attention: str) -> bool:
    """Whether a block of this type resizes by a residual block."""
    return with_attention == "resnet" if "Attn" in kind else "Resnet" in kind


def _chain(channels: int, width: int, skips: tuple[int, ...]) -> tuple[ResnetSpec, ...]:
    """A residual block for each of ``skips``, in a row; the output of each is ``width`` wide."""
    return tuple(
        ResnetSpec(width if index else channels, skip, width) for index, skip in enumerate(skips)
    )


def _attention(config: UNetConfig, level: int, middle: bool = False) -> AttentionSpec:
    context = config.per_level(config.cross_attention_dim)[level]
    return AttentionSpec(
        channels=config.block_out_channels[level],
        heads=config.heads(level),
        layers=config.per_level(config.transformer_layers_per_block)[level],
        context_channels=context if config.reads_context else None,
        # The published middle block always attends to itself first.
        only_cross=not middle and config.per_level(config.only_cross_attention)[level],
    )


def plan_table(plan: Plan) -> str:
    """The plan as text: a line for each residual block, with the attention that follows it."""
    lines = ["block          size    in + skip ->  out  heads x dim (layers)"]
    for block in plan.blocks:
        for index, spec in enumerate(block.resnets):
            skip = f"+ {spec.skip_channels:4}" if spec.skip_channels else " " * 6
            heads = _heads(block.attentions[index]) if index < len(block.attentions) else ""
            lines.append(
                f"{block.name:14} 1/{block.factor:<2} {spec.in_channels:5} {skip} -> "
                f"{spec.out_channels:4}  {heads}".rstrip()
            )
        if block.resampled:
            direction = "down to" if block in plan.down else "up to"
            size = block.factor * 2 if block in plan.down else block.factor // 2
            lines.append(f"{'':14} {direction} 1/{size}")
    return "\n".join(lines)


def _heads(spec: AttentionSpec) -> str:
    return f"{spec.heads:2} x {spec.head_dim:3} ({spec.layers})"
