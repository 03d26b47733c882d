"""Condition: all that a UNet ever hears of the world."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from calotype.errors import UserError

MAX_CONTEXT_TOKENS = 16_384  # tokens of a context


@dataclass(frozen=True)
class Condition:
    """What is known about the pictures being made, as optional tensors with one row a picture.

    context: (B, N, D) tokens that cross-attention reads.
    vector: int64 (B,) for a table of classes or noise levels, or float (B, D) for a projection;
        joins the timestep embedding.
    concat: (B, C, h, w) joined to the latent's channels; never scaled by c_in.
    guidance: (B, D) embedding of a guidance scale, for distilled models.
    residuals: tensors added to the skips and (the last one) to the middle of the UNet.
    """

    context: Tensor | None = None
    vector: Tensor | None = None
    concat: Tensor | None = None
    guidance: Tensor | None = None
    residuals: tuple[Tensor, ...] | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> Condition:
        """The record with ``function`` applied to every tensor that is there."""
        tensors: dict[str, Any] = {
            name: function(value)
            for name in ("context", "vector", "concat", "guidance")
            if (value := getattr(self, name)) is not None
        }
        if self.residuals is not None:
            tensors["residuals"] = tuple(function(tensor) for tensor in self.residuals)
        return replace(self, **tensors)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Condition:
        """The record on another device or in another floating type; integers keep theirs."""
        return self.map(
            lambda tensor: tensor.to(device, dtype if tensor.is_floating_point() else None)
        )

    @staticmethod
    def stack(conditions: Sequence[Condition]) -> Condition:
        """The rows of all conditions one after the other; each must hold the same fields.

        Contexts of other lengths are repeated: see ``alike``.
        """
        first = conditions[0]
        joined = {}
        for name in ("context", "vector", "concat", "guidance"):
            values = [getattr(condition, name) for condition in conditions]
            assert all((value is None) == (values[0] is None) for value in values), name
            if values[0] is not None:
                joined[name] = (
                    repeat_to_common_length(values) if name == "context" else torch.cat(values)
                )
        assert all((c.residuals is None) == (first.residuals is None) for c in conditions)
        if first.residuals is not None:
            columns = zip(*(c.residuals or () for c in conditions), strict=True)
            joined["residuals"] = tuple(torch.cat(column) for column in columns)
        return Condition(**joined)


def repeat_to_common_length(contexts: Sequence[Tensor]) -> Tensor:
    """Contexts (B, N, D) of any lengths in one tensor, each repeated to their common multiple.

    Attention over tokens that are all repeated alike is attention over them once, so no row hears
    of the length of another. Raises UserError where that would be unreasonably long.
    """
    lengths = sorted({context.shape[1] for context in contexts})
    length = math.lcm(*lengths)
    if length > MAX_CONTEXT_TOKENS:
        raise UserError(
            f"texts of {', '.join(map(str, lengths))} tokens can't stand side by side: make their "
            "pictures one by one (--batch-size 1), or prompt and negative prompt alike in length"
        )
    return torch.cat([context.repeat(1, length // context.shape[1], 1) for context in contexts])
