"""One network with its config: read from a folder, built as a module, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn

from calotype.checkpoints.aliases import present_name, under_present_names
from calotype.checkpoints.files import (
    read_json,
    write_folder_atomically,
    write_json,
    write_safetensors,
)
from calotype.checkpoints.fit import require_fit, shapes
from calotype.checkpoints.kinds import Kind, Network, kind_named, kind_of_network, kinds_in
from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.safetensors_mapped import release_pages
from calotype.checkpoints.weights import find_weights, read_weights
from calotype.errors import UserError


@dataclass(frozen=True)
class Component(Generic[Network]):
    """A network that is not built yet: its config, and its tensors under our names.

    tensors: memory-mapped from ``path`` where the file's format allows it.
    dropped: tensors of the file that are not part of the network -> the reason.
    rule: where the fields of the config come from that cannot be inferred from tensors.
    """

    kind: Kind[Network]
    config: Any
    tensors: Mapping[str, Tensor]
    path: Path
    dropped: Mapping[str, str] = field(default_factory=dict)
    rule: str = "config.json"


def read_component(kind: Kind[Network], folder: Path) -> Component[Network]:
    """The network in a folder with config.json and weights.

    Raises UserError if a file is missing or broken, or if names and shapes are not exactly those
    that the config asks for; memory-mapped tensors are not read from the disk by then.
    """
    config = read_config(kind, folder)
    path = find_weights(folder, kind.file)
    found = read_weights(path)
    tensors = under_present_names(found, kind.aliases, path)
    require_fit(tensors, shapes(kind, config), f"{path} does not fit the config.json beside it")
    left = (name for name in found if present_name(name, kind.aliases) is None)
    return Component(kind, config, tensors, path, dict.fromkeys(left, "0, 1, 2, ..."))


def read_any(name: str, folder: Path) -> Component[Any]:
    """The network in a folder, of whichever kind is registered for ``name``, such as "vae"."""
    values = _config_json(folder, kinds_in(name)[0].file)
    return read_component(kind_named(name, values, folder / "config.json"), folder)


def build(
    component: Component[Network],
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    *,
    last: bool = False,
) -> Network:
    """The network as a module, its tensors those of the file wherever no conversion is needed.

    dtype: the type it computes in; None for the file's own, but float32 on a CPU, where half
    precision is slow and rarely what is wanted. last: the component's tensors are not used after
    this call, so the pages of those that were copied are released.
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
    kind: Kind[Network],
    folder: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Network:
    """The network in a folder as a module: see ``read_component`` and ``build``."""
    return build(read_component(kind, folder), device, dtype)


def read_config(kind: Kind[Any], folder: Path) -> Any:
    """The config in a network's folder; raises UserError with the file's name."""
    return config_of(kind, _config_json(folder, kind.file), str(folder / "config.json"))


def _config_json(folder: Path, file: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; it should hold config.json and {file}")
    return read_json(folder / "config.json")


def config_of(kind: Kind[Any], values: Any, where: str) -> Any:
    """The config of a kind of network from its JSON; raises UserError, beginning with ``where``."""
    try:
        if not isinstance(values, dict):
            raise UserError(f"{kind.folder}: expected a JSON object, found {values!r:.50}")
        return kind.config.from_json(values)
    except (UserError, ArithmeticError, TypeError) as error:  # a multiple of 0, a list of null
        raise UserError(f"{where}: {error}") from None


def component_of(network: Any, path: Path = Path()) -> Component[Any]:
    """A module in memory as a component; its tensors are the module's own."""
    return Component(kind_of_network(network), network.config, network.state_dict(), path)


def save_component(network: nn.Module, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a network's config.json and weights, both or neither; ``dtype`` None keeps its type."""
    with write_folder_atomically(folder) as temporary:
        write_component(component_of(network), temporary, dtype)


def write_component(component: Component[Any], folder: Path, dtype: torch.dtype | None) -> None:
    """Write config.json and weights into a folder that the caller moves into place."""
    tensors = {name: tensor.to(dtype=dtype) for name, tensor in component.tensors.items()}
    write_json(folder / "config.json", component.config.to_json())
    write_safetensors(folder / component.kind.file, tensors)
