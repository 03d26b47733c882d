"""The published autoencoders of latent diffusion, KL and VQ, of factors 4 to 32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from calotype.autoencoder import AutoencoderConfig, VQConfig
from calotype.autoencoder.config import BLOCKS
from calotype.presets.preset import Preset

SIZE = 256  # side of the training pictures


def _fields(widths: Sequence[int], channels: int, attended: Sequence[int] = ()) -> dict[str, Any]:
    """Fields for 128 channels times ``widths``; ``attended``: sizes of levels with attention."""
    attends = [SIZE >> level in attended for level in range(len(widths))]
    return {
        "block_out_channels": tuple(128 * width for width in widths),
        "down_block_types": tuple(BLOCKS["down_block_types"][each] for each in attends),
        "up_block_types": tuple(BLOCKS["up_block_types"][each] for each in reversed(attends)),
        "latent_channels": channels,
        "layers_per_block": 2,
        "sample_size": SIZE,
        "scaling_factor": 1.0,
    }


def _codebook(size: int, fields: dict[str, Any]) -> VQConfig:
    """The config with a codebook of ``size`` vectors, as wide as the latents."""
    return VQConfig(**fields, num_vq_embeddings=size, vq_embed_dim=fields["latent_channels"])


KL_F4 = AutoencoderConfig(**_fields((1, 2, 4), 3))
# Published without a scale; this is the scale of text2img-large and Stable Diffusion.
KL_F8 = replace(AutoencoderConfig(**_fields((1, 2, 4, 4), 4)), scaling_factor=0.18215)
KL_F16 = AutoencoderConfig(**_fields((1, 1, 2, 2, 4), 16, attended=(16,)))
KL_F32 = AutoencoderConfig(**_fields((1, 1, 2, 2, 4, 4), 64, attended=(16, 8)))

VQ_F4 = _codebook(8192, _fields((1, 2, 4), 3))
VQ_F4_NOATTN = replace(VQ_F4, mid_block_add_attention=False)
VQ_F8 = _codebook(16384, _fields((1, 2, 2, 4), 4, attended=(32,)))
VQ_F8_N256 = replace(VQ_F8, num_vq_embeddings=256)
VQ_F16 = _codebook(16384, _fields((1, 1, 2, 2, 4), 8, attended=(16,)))

PRESETS = tuple(
    Preset(name, "Rombach et al. 2022, Tab. 8", autoencoder=config)
    for name, config in {
        "kl-f4": KL_F4,
        "kl-f8": KL_F8,
        "kl-f16": KL_F16,
        "kl-f32": KL_F32,
        "vq-f4": VQ_F4,
        "vq-f4-noattn": VQ_F4_NOATTN,
        "vq-f8": VQ_F8,
        "vq-f8-n256": VQ_F8_N256,
        "vq-f16": VQ_F16,
    }.items()
)
