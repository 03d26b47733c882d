"""Conditioner: all that is known about the pictures -> one Condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from calotype.condition import Condition
from calotype.conditioning.embedders import Embedder, TextEmbedder
from calotype.errors import UserError


class Conditioner(nn.Module):
    """The embedders of a model. In training and in sampling, conditions are made here alone.

    Outputs for the same route are concatenated in the embedders' order: tokens along N, channels of
    ``vector`` and ``concat`` along C. Without embedders every Condition is empty.
    """

    def __init__(self, embedders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.embedders = nn.ModuleList(embedders)

    def __iter__(self) -> Iterator[Embedder]:
        return iter(cast(Iterable[Embedder], self.embedders))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what the embedders read, each once."""
        return tuple(dict.fromkeys(embedder.field for embedder in self))

    @property
    def text(self) -> TextEmbedder | None:
        """The embedder that reads prompts; None in a model without words."""
        for embedder in self.embedders:
            if isinstance(embedder, TextEmbedder):
                return embedder
        return None

    def forward(self, known: Mapping[str, Any], keep: Tensor | None = None) -> Condition:
        """The Condition of B pictures from B values in each field that the embedders read.

        known: values by field; fields that no embedder reads are ignored.
        keep: bool, (B, E) for each sample and embedder or (B,) for all of a sample's: False puts
            the null value in its place. The caller draws it, so that a training can be repeated.

        Raises UserError for a field that is missing.
        """
        routes: dict[str, list[Tensor]] = {}
        for index, embedder in enumerate(self):
            if embedder.field not in known:
                raise UserError(
                    f"{embedder.field}: the model needs it and it is not given; "
                    f"given: {', '.join(known) or 'nothing'}"
                )
            kept = keep[:, index] if keep is not None and keep.ndim == 2 else keep
            routes.setdefault(embedder.route, []).append(embedder(known[embedder.field], kept))
        return Condition(
            context=_joined(routes.get("context"), dim=1),
            vector=_joined(routes.get("vector"), dim=-1),
            concat=_joined(routes.get("concat"), dim=1),
        )

    def null(self, count: int) -> dict[str, Any]:
        """The null values of all fields for ``count`` pictures: nothing is known about them."""
        return {embedder.field: embedder.null(count) for embedder in self}


def _joined(tensors: list[Tensor] | None, dim: int) -> Tensor | None:
    if tensors is None:
        return None
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim)
