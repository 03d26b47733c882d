"""Whether the tensors of a file are exactly those of a network: the same names and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from calotype.checkpoints.kinds import Kind
from calotype.checkpoints.meta_init import on_meta
from calotype.errors import UserError, nearest


def shapes(kind: Kind[Any], config: Any) -> dict[str, torch.Size]:
    """The names and shapes of the tensors of a network with this config; no memory is taken.

    Raises UserError for a config from which no network can be built.
    """
    try:
        with on_meta():
            network = kind.network(config)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{kind.folder}: no such network can be built: {error}") from None
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def require_fit(found: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], what: str) -> None:
    """Raise UserError, beginning with ``what``, unless names and shapes are the same."""
    if extra := sorted(found.keys() - wanted.keys()):
        raise UserError(f"{what}: {_list_names(extra, wanted.keys())} not in the network")
    if missing := sorted(wanted.keys() - found.keys()):
        raise UserError(f"{what}: {_list_names(missing, ())} not in the file")
    for name, shape in wanted.items():
        if found[name].shape != shape:
            raise UserError(
                f'{what}: "{name}" has shape {tuple(found[name].shape)}, '
                f"the network's is {tuple(shape)}"
            )


def _list_names(names: Sequence[str], others: Iterable[str]) -> str:
    """The first name, its nearest match among ``others``, and the number of further names."""
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    hint = nearest(names[0], others).removeprefix("; ")
    return f'"{names[0]}"{f" ({hint})" if hint else ""}{more}'
