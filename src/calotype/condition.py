"""Condition: what a UNet is conditioned on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a region, in places of a latent; right and bottom are outside."""


@dataclass(frozen=True)
class Hint:
    """The input of one control network.

    picture: (B, 3, H, W). weight: (B,), of its residuals; 0 for rows that control leaves alone.
    """

    picture: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Condition:
    """What is known about the pictures of a batch, as optional tensors with one row a picture.

    context: (B, N, D) tokens that cross-attention reads.
    vector: int64 (B,) for a table of classes or noise levels, or float (B, D) for a projection;
        joins the timestep embedding.
    concat: (B, C, h, w) joined to the latent's channels; never scaled by c_in.
    guidance: (B, D) embedding of a guidance scale, for distilled models.
    hints: inputs of control networks, the same at every step; the UNet does not read them.
    residuals: tensors added to the skips and (the last one) to the middle of the UNet. Wrappers of
        the network alone write them, at every call.
    """

    context: Tensor | None = None
    vector: Tensor | None = None
    concat: Tensor | None = None
    guidance: Tensor | None = None
    hints: tuple[Hint, ...] | None = None
    residuals: tuple[Tensor, ...] | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> Condition:
        """The record with ``function`` applied to every tensor that is there."""
        tensors: dict[str, Any] = {
            name: function(value) for name in FIELDS if (value := getattr(self, name)) is not None
        }
        if self.hints is not None:
            tensors["hints"] = tuple(
                Hint(function(hint.picture), function(hint.weight)) for hint in self.hints
            )
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

    def crop(self, box: Box, width: int) -> Condition:
        """The record for a region of the picture: what has the picture's extent is cropped.

        box: the region, in places of a latent that is ``width`` places wide; a tensor that is k
            times as wide is cropped at k times these numbers. The residuals must not be set yet.
        """
        assert self.residuals is None, "residuals belong to one size: crop before they are computed"

        def cropped(tensor: Tensor) -> Tensor:
            factor, rest = divmod(tensor.shape[-1], width)
            assert rest == 0, f"{tensor.shape[-1]} is no multiple of the latent's width {width}"
            left, top, right, bottom = (side * factor for side in box)
            return tensor[..., top:bottom, left:right]

        concat = None if self.concat is None else cropped(self.concat)
        hints = self.hints and tuple(
            replace(hint, picture=cropped(hint.picture)) for hint in self.hints
        )
        return replace(self, concat=concat, hints=hints)

    @staticmethod
    def stack(conditions: Sequence[Condition]) -> Condition:
        """The rows of all conditions one after the other; each must hold the same fields.

        Contexts of other lengths are repeated: see ``repeat_to_common_length``.
        """
        joined: dict[str, Any] = {}
        for name in (*FIELDS, "hints", "residuals"):
            values = [getattr(condition, name) for condition in conditions]
            assert all((value is None) == (values[0] is None) for value in values), name
            if values[0] is None:
                continue
            if name == "context":
                joined[name] = repeat_to_common_length(values)
            elif name == "hints":
                columns = zip(*values, strict=True)
                joined[name] = tuple(
                    Hint(
                        torch.cat([hint.picture for hint in column]),
                        torch.cat([hint.weight for hint in column]),
                    )
                    for column in columns
                )
            elif name == "residuals":
                joined[name] = tuple(torch.cat(column) for column in zip(*values, strict=True))
            else:
                joined[name] = torch.cat(values)
        return Condition(**joined)


FIELDS = ("context", "vector", "concat", "guidance")
"""The fields that hold one tensor."""


def repeat_to_common_length(contexts: Sequence[Tensor]) -> Tensor:
    """Contexts (B, N, D) of any lengths N in one tensor, each repeated to their common multiple.

    Attention over tokens that are all repeated equally often is attention over the tokens once, so
    a row does not depend on the lengths of the others. It costs time: contexts of 3 and 5 chunks
    become 15. Callers decide by ``sampling.guidance.share_a_call`` whether it is worth it.
    """
    lengths = [context.shape[1] for context in contexts]
    times = [math.lcm(*lengths) // length for length in lengths]
    return torch.cat([c.repeat(1, n, 1) for c, n in zip(contexts, times, strict=True)])
