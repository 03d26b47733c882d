"""The registry of networks: for each its folder, file, config, class and published names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import nn

from calotype.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    Pixels,
    PixelsConfig,
    VQAutoencoder,
    VQConfig,
)
from calotype.checkpoints.aliases import AUTOENCODER, TEXT_ENCODER, Alias
from calotype.conditioning import CLIPTextConfig, CLIPTextEncoder
from calotype.errors import UserError
from calotype.unet import UNet, UNetConfig

Network = TypeVar("Network", bound=nn.Module, covariant=True)


@dataclass(frozen=True)
class Kind(Generic[Network]):
    """One kind of network: where a model's folder keeps it, and what it is built from.

    folder: its folder inside a model's, and its name in model_index.json.
    file: the usual name of its weights' file.
    config: the class of its config, with ``from_json`` and ``to_json``.
    network: its class, built from such a config.
    package, classes: what model_index.json calls it; the first class where its config.json names
        none.
    aliases: older names of its parameters.
    """

    folder: str
    file: str
    config: Any
    network: type[Network]
    package: str
    classes: tuple[str, ...]
    aliases: tuple[Alias, ...] = ()

    def published_class(self, config: Any) -> str:
        """The class that model_index.json names for a network with this config."""
        return config.to_json().get("_class_name", self.classes[0])


_DIFFUSERS_FILE = "diffusion_pytorch_model.safetensors"

UNET: Kind[UNet] = Kind(
    folder="unet",
    file=_DIFFUSERS_FILE,
    config=UNetConfig,
    network=UNet,
    package="diffusers",
    classes=("UNet2DConditionModel", "UNet2DModel"),
)
AUTOENCODER_KL: Kind[Autoencoder] = Kind(
    folder="vae",
    file=_DIFFUSERS_FILE,
    config=AutoencoderConfig,
    network=Autoencoder,
    package="diffusers",
    classes=("AutoencoderKL",),
    aliases=AUTOENCODER,
)
VQ_MODEL: Kind[VQAutoencoder] = Kind(
    folder="vae",
    file=_DIFFUSERS_FILE,
    config=VQConfig,
    network=VQAutoencoder,
    package="diffusers",
    classes=("VQModel",),
    aliases=AUTOENCODER,
)
PIXELS: Kind[Pixels] = Kind(
    folder="vae",
    file=_DIFFUSERS_FILE,
    config=PixelsConfig,
    network=Pixels,
    package="calotype",
    classes=("Pixels",),
)
CLIP_TEXT: Kind[CLIPTextEncoder] = Kind(
    folder="text_encoder",
    file="model.safetensors",
    config=CLIPTextConfig,
    network=CLIPTextEncoder,
    package="transformers",
    classes=("CLIPTextModel",),
    aliases=TEXT_ENCODER,
)

KINDS: tuple[Kind[Any], ...] = (UNET, AUTOENCODER_KL, VQ_MODEL, PIXELS, CLIP_TEXT)
"""Every network that files can hold. A network added here is found in folders, fetched from the
hub, kept in ``Parts.components`` and written again."""

REQUIRED = (UNET.folder, AUTOENCODER_KL.folder)
"""The networks that no model is without."""


def folders() -> tuple[str, ...]:
    """The folders of all networks, each once, in the order of ``KINDS``."""
    return tuple(dict.fromkeys(kind.folder for kind in KINDS))


def kinds_in(folder: str) -> tuple[Kind[Any], ...]:
    """The kinds of network that may be in a model's folder of this name."""
    return tuple(kind for kind in KINDS if kind.folder == folder)


def kind_of_network(network: object) -> Kind[Any]:
    """The kind of network that a module is."""
    (kind,) = (kind for kind in KINDS if isinstance(network, kind.network))
    return kind


def kind_of(config: object) -> Kind[Any]:
    """The kind of network that has a config of this class."""
    (kind,) = (kind for kind in KINDS if kind.config is type(config))
    return kind


def kind_named(folder: str, values: Any, where: object) -> Kind[Any]:
    """The kind of network in ``folder`` whose class a config.json names; by default the first.

    Raises UserError, beginning with ``where``, for a class of no kind.
    """
    kinds = kinds_in(folder)
    if len(kinds) == 1 or not isinstance(values, Mapping) or "_class_name" not in values:
        return kinds[0]
    by_class = {name: kind for kind in kinds for name in kind.classes}
    named = values["_class_name"]
    if str(named) not in by_class:
        raise UserError(f"{where}: _class_name = {named!r:.60}; supported: {' or '.join(by_class)}")
    return by_class[str(named)]
