"""The published UNets of latent diffusion: unconditional, by class, text, layout or picture.

Their names are those of the released models.

The paper counts the parameters of the UNets; for super-resolution (169 M) it includes the first
stage, for text (1.45 B) and layout (306 M) the text transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from calotype.diffusion import SchedulerConfig
from calotype.presets.preset import Preset
from calotype.unet import UNetConfig

HEAD = 32  # default width of a head


def _levels(channels: int, widths: Sequence[int], attended: Sequence[int], kind: str) -> Any:
    """The fields of the levels; ``attended``: the factors of downsampling with attention."""
    attends = [2**level in attended for level in range(len(widths))]
    return {
        "block_out_channels": tuple(channels * width for width in widths),
        "down_block_types": tuple(f"{kind * each}DownBlock2D" for each in attends),
        "up_block_types": tuple(f"{kind * each}UpBlock2D" for each in reversed(attends)),
    }


def _unconditional(
    channels: int,
    widths: Sequence[int],
    attended: Sequence[int],
    *,
    size: int = 64,
    inputs: int = 3,
    head: int = HEAD,
) -> UNetConfig:
    """A UNet with self-attention alone; ``inputs``: its input channels, of which 3 are latent."""
    return UNetConfig(
        **_levels(channels, widths, attended, "Attn"),
        mid_block_type="UNetMidBlock2D",
        sample_size=size,
        in_channels=inputs,
        out_channels=3,
        attention_head_dim=head,
    )


def _eight_heads_and_residual_blocks_between(unet: UNetConfig) -> UNetConfig:
    """The UNet as released: 8 heads on each level, which diffusers' config cannot express."""
    return replace(
        unet,
        attention_head_dim=tuple(width // 8 for width in unet.block_out_channels),
        down_block_types=_resnet(unet.down_block_types, "Downsample"),
        up_block_types=_resnet(unet.up_block_types, "Upsample"),
        downsample_type="resnet",
        upsample_type="resnet",
    )


def _resnet(kinds: tuple[str, ...], direction: str) -> tuple[str, ...]:
    return tuple(kind if "Attn" in kind else f"Resnet{direction}Block2D" for kind in kinds)


def _cross_attention_unet(
    channels: int,
    widths: Sequence[int],
    attended: Sequence[int],
    context: int,
    *,
    latent: tuple[int, int] = (3, 64),
    heads: int | None = None,
    depth: int = 1,
) -> UNetConfig:
    """A UNet that reads tokens of width ``context``; ``latent``: channels and side of latents."""
    fields = _levels(channels, widths, attended, "CrossAttn")
    return UNetConfig(
        **fields,
        sample_size=latent[1],
        in_channels=latent[0],
        out_channels=latent[0],
        cross_attention_dim=context,
        transformer_layers_per_block=depth,
        attention_head_dim=heads or tuple(each // HEAD for each in fields["block_out_channels"]),
    )


FACES = _unconditional(224, (1, 2, 3, 4), (8, 4, 2))
SUPER_RESOLUTION = _unconditional(160, (1, 2, 2, 4), (16, 8), inputs=6)
# 8 heads, but only in the middle: no level is small enough for attention.
SEMANTIC = _unconditional(128, (1, 4, 8), (), inputs=6, head=128)
SEMANTIC_512 = _unconditional(128, (1, 4, 8), (), inputs=6, head=128, size=128)

CHURCHES = _eight_heads_and_residual_blocks_between(
    replace(
        _unconditional(192, (1, 2, 2, 4, 4), (8, 4, 2, 1), size=32, inputs=4),
        out_channels=4,
        resnet_time_scale_shift="scale_shift",
        attn_norm_num_groups=32,
    )
)
INPAINTING = _eight_heads_and_residual_blocks_between(
    _unconditional(256, (1, 2, 3, 4), (8, 4, 2), inputs=7)
)

CLASSES_F8 = _cross_attention_unet(256, (1, 2, 4), (4, 2, 1), 512, latent=(4, 32))
CLASSES = _cross_attention_unet(192, (1, 2, 3, 5), (8, 4, 2), 512, heads=1)
WORDS = _cross_attention_unet(192, (1, 2, 3, 5), (8, 4, 2), 640)
WORDS_LARGE = _cross_attention_unet(320, (1, 2, 4, 4), (4, 2, 1), 1280, latent=(4, 32), heads=8)
LAYOUT = _cross_attention_unet(128, (1, 2, 3, 4), (8, 4, 2), 512, depth=3)
RETRIEVAL = _cross_attention_unet(448, (1, 2, 3, 4), (4, 2, 1), 768, latent=(16, 48))


def _preset(
    name: str, source: str, unet: UNetConfig, first_stage: str, beta_end: float, tokens: int = 0
) -> Preset:
    noise = SchedulerConfig(beta_start=0.0015, beta_end=beta_end)
    return Preset(name, source, unet=unet, scheduler=noise, first_stage=first_stage, tokens=tokens)


_PAPER, _RELEASED = "Rombach et al. 2022", "CompVis/latent-diffusion"

PRESETS = (
    _preset("celeba256", f"{_PAPER}, Tab. 12", FACES, "vq-f4", 0.0195),
    _preset("ffhq256", f"{_PAPER}, Tab. 12", FACES, "vq-f4", 0.0195),
    _preset("lsun_beds256", f"{_PAPER}, Tab. 12", FACES, "vq-f4", 0.0195),
    _preset("lsun_churches256", _RELEASED, CHURCHES, "kl-f8", 0.0155),
    _preset("cin256", f"{_PAPER}, Tab. 13", CLASSES_F8, "vq-f8", 0.0195, tokens=1),
    _preset("cin256-v2", f"{_PAPER}, Tab. 10", CLASSES, "vq-f4", 0.0195, tokens=1),
    _preset("text2img256", _RELEASED, WORDS, "vq-f4", 0.0195, tokens=77),
    Preset(
        "text2img-large",
        f"{_PAPER}, Tab. 15",
        unet=WORDS_LARGE,
        scheduler=SchedulerConfig(),
        first_stage="kl-f8",
        tokens=77,
    ),
    _preset("layout2img-openimages256", f"{_PAPER}, Tab. 15", LAYOUT, "vq-f4", 0.0205, tokens=92),
    _preset("bsr_sr", f"{_PAPER}, Tab. 15", SUPER_RESOLUTION, "vq-f4", 0.0155),
    _preset("inpainting_big", _RELEASED, INPAINTING, "vq-f4-noattn", 0.0205),
    _preset("semantic_synthesis256", _RELEASED, SEMANTIC, "vq-f4", 0.0205),
    _preset("semantic_synthesis512", _RELEASED, SEMANTIC_512, "vq-f4", 0.0205),
    replace(
        _preset("rdm768", "Blattmann et al. 2022", RETRIEVAL, "kl-f16", 0.015, tokens=1),
        scaling_factor=0.22765929,
    ),
)
