"""Named configurations: the numbers of published models, and of our own."""

from typing import Any

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.errors import UserError, nearest
from calotype.presets import compression, first_stages, latent_diffusion, scenes, sd1, sd2, tiny
from calotype.presets.measure import Measured, measured
from calotype.presets.preset import Preset
from calotype.unet import UNetConfig

_ROOMS = (scenes, tiny, sd1, sd2, first_stages, latent_diffusion, compression)
PRESETS: dict[str, Preset] = {preset.name: preset for room in _ROOMS for preset in room.PRESETS}


def preset(name: str) -> Preset:
    """The preset of this name; raises UserError for an unknown name."""
    if name not in PRESETS:
        raise UserError(
            f'preset "{name}" is not one of {", ".join(PRESETS)}{nearest(name, PRESETS)}'
        )
    return PRESETS[name]


def autoencoder_config(name: str) -> AutoencoderConfig:
    """The autoencoder of a preset; raises UserError if it has none of its own."""
    return _part(name, "autoencoder")


def unet_config(name: str) -> UNetConfig:
    """The UNet of a preset; raises UserError if it has none."""
    return _part(name, "unet")


def text_config(name: str) -> CLIPTextConfig:
    """The text encoder of a preset; raises UserError if it has none."""
    return _part(name, "text")


def _part(name: str, part: str) -> Any:
    found = preset(name)
    if config := getattr(found, part):
        return config
    if part == "autoencoder" and found.first_stage:
        raise UserError(f'preset "{name}" has no autoencoder of its own; use {found.first_stage}')
    what = {"unet": "UNet", "text": "text encoder"}.get(part, part)
    others = ", ".join(other.name for other in PRESETS.values() if getattr(other, part))
    raise UserError(f'preset "{name}" has no {what}; these have one: {others}')


__all__ = [
    "PRESETS",
    "Measured",
    "Preset",
    "autoencoder_config",
    "measured",
    "preset",
    "text_config",
    "unet_config",
]
