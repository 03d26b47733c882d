"""Conditioner: all that is known about the pictures -> one Condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from calotype.condition import Condition
from calotype.conditioning.embedders import Embedder


class Conditioner(nn.Module):
    """Embedders side by side; what takes the same route is joined in their order.

    Tokens are joined one after the other, the channels of ``vector`` and ``concat`` too.
    """

    def __init__(self, embedders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.embedders = nn.ModuleList(embedders)

    def __iter__(self) -> Iterator[Embedder]:
        return (cast(Embedder, embedder) for embedder in self.embedders)

    def forward(self, fields: Mapping[str, Any], keep: Tensor | None = None) -> Condition:
        """The Condition of B pictures from B values in each field that the embedders read.

        keep: bool, (B, E) for each sample and embedder or (B,) for all of a sample's: False puts
            the null value in its place. The caller draws it, so that a training can be repeated.
        """
        routes: dict[str, list[Tensor]] = {}
        for index, embedder in enumerate(self):
            kept = keep[:, index] if keep is not None and keep.ndim == 2 else keep
            routes.setdefault(embedder.route, []).append(embedder(fields[embedder.field], kept))
        return Condition(
            context=_joined(routes.get("context"), dim=1),
            vector=_joined(routes.get("vector"), dim=-1),
            concat=_joined(routes.get("concat"), dim=1),
        )

    def null(self, count: int) -> Condition:
        """The Condition of ``count`` pictures about which nothing is known."""
        return self({embedder.field: embedder.null(count) for embedder in self})


def _joined(tensors: list[Tensor] | None, dim: int) -> Tensor | None:
    if tensors is None:
        return None
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim)
