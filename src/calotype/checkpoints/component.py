"""One network of a published folder <-> a module: config.json and weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from calotype.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    Pixels,
    PixelsConfig,
    VQAutoencoder,
    VQConfig,
)
from calotype.checkpoints.aliases import AUTOENCODER, TEXT_ENCODER, Alias, present_name
from calotype.checkpoints.files import (
    read_json,
    write_folder_atomically,
    write_json,
    write_safetensors,
)
from calotype.checkpoints.mapped import release_pages
from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.weights import find_weights, read_weights
from calotype.conditioning import CLIPTextConfig, CLIPTextEncoder
from calotype.errors import UserError, nearest
from calotype.unet import UNet, UNetConfig


@dataclass(frozen=True)
class Kind:
    """A kind of network: its folder inside a model's, its weights' file, config and module.

    published: library and class as model_index.json names them.
    aliases: older names of its parameters.
    """

    folder: str
    file: str
    config: Any
    network: Any
    published: tuple[str, str]
    aliases: tuple[Alias, ...] = ()


UNET = Kind(
    "unet",
    "diffusion_pytorch_model.safetensors",
    UNetConfig,
    UNet,
    ("diffusers", "UNet2DConditionModel"),
)
AUTOENCODER_KL = Kind(
    "vae",
    "diffusion_pytorch_model.safetensors",
    AutoencoderConfig,
    Autoencoder,
    ("diffusers", "AutoencoderKL"),
    AUTOENCODER,
)
CLIP_TEXT = Kind(
    "text_encoder",
    "model.safetensors",
    CLIPTextConfig,
    CLIPTextEncoder,
    ("transformers", "CLIPTextModel"),
    TEXT_ENCODER,
)
VQ_MODEL = replace(
    AUTOENCODER_KL, config=VQConfig, network=VQAutoencoder, published=("diffusers", "VQModel")
)
PIXELS = replace(
    AUTOENCODER_KL,
    config=PixelsConfig,
    network=Pixels,
    published=("calotype", "Pixels"),
    aliases=(),
)
FIRST_STAGES = (AUTOENCODER_KL, VQ_MODEL, PIXELS)


def kind_of(config: object) -> Kind:
    """The kind of first stage that has such a config."""
    (kind,) = (kind for kind in FIRST_STAGES if kind.config is type(config))
    return kind


KINDS = (UNET, AUTOENCODER_KL, CLIP_TEXT)
"""The networks of a model; in the place of the autoencoder may be any of ``FIRST_STAGES``."""


@dataclass(frozen=True)
class Component:
    """A network at rest: its config and its tensors under our names, mapped from ``path``.

    dropped: tensors of the file that are no part of it, with the reason.
    rule: what tells the fields of its config that no tensor tells.
    """

    kind: Kind
    config: Any
    tensors: Mapping[str, Tensor]
    path: Path
    dropped: Mapping[str, str] = field(default_factory=dict)
    rule: str = "config.json"


def read_component(kind: Kind, folder: Path) -> Component:
    """The network in a folder with config.json and weights.

    Raises UserError if a file is missing or broken, or if names and shapes are not exactly those
    that the config asks for; a memory-mapped file is not in memory by then.
    """
    config = read_config(kind, folder)
    path = find_weights(folder, kind.file)
    held = read_weights(path)
    tensors = under_present_names(held, kind.aliases, path)
    require_fit(tensors, shapes(kind, config), f"{path} does not fit the config.json beside it")
    left = (name for name in held if present_name(name, kind.aliases) is None)
    return Component(kind, config, tensors, path, dict.fromkeys(left, "0, 1, 2, ..."))


def read_first_stage(folder: Path) -> Component:
    """The autoencoder in a folder, of whichever kind: see ``read_component``."""
    values = _config_json(folder, AUTOENCODER_KL.file)
    return read_component(first_stage_kind(values, folder / "config.json"), folder)


def first_stage_kind(values: Any, where: object) -> Kind:
    """The kind of autoencoder that a config.json names; AutoencoderKL where it names none."""
    if not isinstance(values, dict) or "_class_name" not in values:
        return AUTOENCODER_KL
    classes, named = {kind.published[1]: kind for kind in FIRST_STAGES}, values["_class_name"]
    if str(named) not in classes:
        raise UserError(f"{where}: _class_name = {named!r:.60}; supported: {' or '.join(classes)}")
    return classes[str(named)]


def shapes(kind: Kind, config: Any) -> dict[str, torch.Size]:
    """The names and shapes of the tensors that a network of this config has."""
    try:
        with on_meta():
            network = kind.network(config)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{kind.folder}: no such network can be built: {error}") from None
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def build(
    component: Component,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    *,
    last: bool = False,
) -> nn.Module:
    """The network, its tensors those of the file wherever nothing has to be converted.

    dtype: what it computes in; None for the file's own, but float32 on a CPU, where half
    precision is slow and rarely what is wanted. last: nothing uses the component's tensors after
    this, and those that were copied can be let go.
    """
    with on_meta():
        network = component.kind.network(component.config)
    if dtype is None and torch.device(device).type == "cpu":
        dtype = torch.float32
    placed: dict[str, Tensor] = {}
    for name, tensor in component.tensors.items():
        placed[name] = tensor.to(device, dtype)
        if last and placed[name] is not tensor:
            release_pages(tensor)
    network.load_state_dict(placed, assign=True)
    return network.eval()


def load_component(
    kind: Kind,
    folder: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """The network in a folder, built: see ``read_component`` and ``build``."""
    return build(read_component(kind, folder), device, dtype)


def read_config(kind: Kind, folder: Path) -> Any:
    """The config of a network's folder; raises UserError with the file's name."""
    return config_of(kind, _config_json(folder, kind.file), str(folder / "config.json"))


def _config_json(folder: Path, file: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; it should hold config.json and {file}")
    return read_json(folder / "config.json")


def config_of(kind: Kind, values: Any, where: str) -> Any:
    """The config of a kind of network from its JSON; UserError, beginning with ``where``."""
    try:
        if not isinstance(values, dict):
            raise UserError(f"{kind.folder}: expected a JSON object, found {values!r:.50}")
        return kind.config.from_json(values)
    except (UserError, ArithmeticError, TypeError) as error:  # a multiple of 0, a list of null
        raise UserError(f"{where}: {error}") from None


def of_network(network: Any, path: Path = Path()) -> Component:
    """A network in memory as one at rest."""
    (kind,) = (kind for kind in {*KINDS, *FIRST_STAGES} if isinstance(network, kind.network))
    return Component(kind, network.config, network.state_dict(), path)


def save_component(network: nn.Module, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a network's config.json and weights, both or neither; ``dtype`` None keeps its type."""
    with write_folder_atomically(folder) as temporary:
        write_component(of_network(network), temporary, dtype)


def write_component(component: Component, folder: Path, dtype: torch.dtype | None) -> None:
    """Write the files of a network into a folder that the caller puts in place."""
    tensors = {name: tensor.to(dtype=dtype) for name, tensor in component.tensors.items()}
    write_json(folder / "config.json", component.config.to_json())
    write_safetensors(folder / component.kind.file, tensors)


def under_present_names(
    tensors: Mapping[str, Tensor], aliases: Sequence[Alias], path: Path
) -> dict[str, Tensor]:
    """The tensors of ``path`` as they are called now, those that are dropped left out."""
    renamed: dict[str, Tensor] = {}
    for old, tensor in tensors.items():
        name = present_name(old, aliases)
        if name in renamed:
            raise UserError(f'{path}: holds "{name}" twice, once as "{old}"')
        if name is not None:
            renamed[name] = tensor
    return renamed


def require_fit(found: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], what: str) -> None:
    """UserError, beginning with ``what``, unless both have the same names and shapes."""
    if extra := sorted(found.keys() - wanted.keys()):
        raise UserError(f"{what}: {_named(extra, wanted.keys())} not in the network")
    if missing := sorted(wanted.keys() - found.keys()):
        raise UserError(f"{what}: {_named(missing, ())} not in the file")
    for name, shape in wanted.items():
        if found[name].shape != shape:
            raise UserError(
                f'{what}: "{name}" has shape {tuple(found[name].shape)}, '
                f"the network's is {tuple(shape)}"
            )


def _named(names: Sequence[str], others: Iterable[str]) -> str:
    """The first of some names, how many more there are, and what it resembles."""
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    hint = nearest(names[0], others).removeprefix("; ")
    return f'"{names[0]}"{f" ({hint})" if hint else ""}{more}'
