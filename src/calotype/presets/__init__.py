"""Named configurations: the numbers of published models, and of our own."""

from types import ModuleType, SimpleNamespace

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.errors import UserError, nearest
from calotype.presets import compression, scenes, sd1, sd2, tiny
from calotype.unet import UNetConfig

PRESETS: dict[str, ModuleType] = {"scenes": scenes, "sd1": sd1, "sd2": sd2, "tiny": tiny}

for _f in compression.UNETS:
    PRESETS[f"compression-f{_f}"] = SimpleNamespace(
        UNET=compression.UNETS[_f], AUTOENCODER=compression.AUTOENCODERS.get(_f), TEXT=scenes.TEXT
    )
PRESETS["compression-vq"] = SimpleNamespace(
    UNET=compression.UNETS[4], AUTOENCODER=compression.VQ, TEXT=scenes.TEXT
)


def autoencoder_config(name: str) -> AutoencoderConfig:
    """The autoencoder of a preset."""
    return _preset(name).AUTOENCODER


def unet_config(name: str) -> UNetConfig:
    """The UNet of a preset."""
    return _preset(name).UNET


def text_config(name: str) -> CLIPTextConfig:
    """The text encoder of a preset."""
    return _preset(name).TEXT


def _preset(name: str) -> ModuleType:
    if name not in PRESETS:
        raise UserError(
            f'preset "{name}" is not one of {", ".join(PRESETS)}{nearest(name, PRESETS)}'
        )
    return PRESETS[name]


__all__ = ["PRESETS", "autoencoder_config", "text_config", "unet_config"]
