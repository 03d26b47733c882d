"""Embedders: one known field of a picture -> a tensor for one field of Condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from calotype.conditioning.clip import CLIPTextEncoder
from calotype.conditioning.prompt import Prompts, encode_prompts
from calotype.conditioning.tokenizer import Tokenizer
from calotype.errors import UserError

Route = Literal["context", "vector", "concat"]


class Embedder(Protocol):
    """The interface of a Conditioner's embedders, each an nn.Module.

    field: the name of what it reads ("captions", "labels", later "masks", "depth", ...).
    route: the field of Condition that its output joins.
    dropout: the share of training samples whose value is replaced by the null value, for
        classifier-free guidance (Ho and Salimans 2022).
    """

    field: str
    route: Route
    dropout: float

    def __call__(self, values: Any, keep: Tensor | None = None) -> Tensor:
        """The embedding of B values; where ``keep`` (B,) is False, that of the null value."""
        ...

    def null(self, count: int) -> Any:
        """``count`` values that say nothing."""
        ...


class TextEmbedder(nn.Module):
    """Texts -> context (B, N, D), by CLIP's tokenizer and text encoder. Null: the empty text.

    ``Prompts`` may have any length and grammar: they are encoded in chunks and weighted. Plain
    texts are captions: no grammar, one chunk each; what does not fit is cut.
    """

    field = "captions"
    route: Route = "context"

    def __init__(
        self, tokenizer: Tokenizer, encoder: CLIPTextEncoder, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.dropout = dropout

    def forward(self, values: Sequence[str] | Prompts, keep: Tensor | None = None) -> Tensor:
        if isinstance(values, Prompts):
            if keep is not None:
                values = replace(values, texts=_emptied(values.texts, keep.tolist()))
            return encode_prompts(self.tokenizer, self.encoder, values)
        if keep is not None:
            values = _emptied(values, keep.tolist())
        ids = self.tokenizer.encode(values)
        return self.encoder(ids.to(self.encoder.text_model.final_layer_norm.weight.device))

    def null(self, count: int) -> Sequence[str]:
        return [""] * count


def _emptied(texts: Sequence[str], keep: Sequence[bool]) -> tuple[str, ...]:
    """The texts, those that are not kept replaced by the empty one."""
    return tuple(text if kept else "" for text, kept in zip(texts, keep, strict=True))


class ClassEmbedder(nn.Module):
    """Class labels (B,) int64 -> vector, for the table in the UNet.

    The null is label ``classes``, so the table has one row more than there are classes
    (``num_class_embeds = classes + 1``).
    """

    field = "labels"
    route: Route = "vector"

    def __init__(self, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.classes = classes
        self.dropout = dropout

    def forward(self, values: Tensor, keep: Tensor | None = None) -> Tensor:
        wrong = values[(values < 0) | (values > self.classes)]
        if len(wrong):
            raise UserError(f"class label {int(wrong[0])}: must be from 0 to {self.classes - 1}")
        return values if keep is None else torch.where(keep.to(values.device), values, self.classes)

    def null(self, count: int) -> Tensor:
        return torch.full((count,), self.classes)
