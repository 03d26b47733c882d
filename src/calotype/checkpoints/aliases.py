"""Older names of parameters in published folders -> their present names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from calotype.errors import UserError


@dataclass(frozen=True)
class Alias:
    """One older name: a pattern for the whole name, and its present form.

    new: a replacement as ``re.sub`` takes it; None for a tensor that is dropped on purpose.
    """

    old: str
    new: str | None


# transformers 5 writes text encoders without "text_model."; version 4 and older with it, and before
# 4.31 also the numbers 0, 1, 2, ... as position_ids.
TEXT_ENCODER = (
    Alias(r"(text_model\.)?embeddings\.position_ids", None),
    Alias(r"((embeddings|encoder|final_layer_norm)\..*)", r"text_model.\1"),
)

# diffusers before 0.15 had an attention block of its own in the middle of autoencoders.
AUTOENCODER = tuple(
    Alias(rf"(.*_blocks?(?:\.\d+)?\.attentions\.\d+)\.{old}\.(weight|bias)", rf"\1.{new}.\2")
    for old, new in (
        ("query", "to_q"),
        ("key", "to_k"),
        ("value", "to_v"),
        ("proj_attn", "to_out.0"),
    )
)


def present_name(name: str, aliases: Sequence[Alias]) -> str | None:
    """The present form of a name: itself if no alias matches, None if it is dropped."""
    for alias in aliases:
        if re.fullmatch(alias.old, name):
            return None if alias.new is None else re.sub(alias.old, alias.new, name)
    return name


def under_present_names(
    tensors: Mapping[str, Tensor], aliases: Sequence[Alias], path: Path
) -> dict[str, Tensor]:
    """The tensors of the file ``path`` under their present names, without the dropped ones.

    Raises UserError if two tensors have the same present name.
    """
    renamed: dict[str, Tensor] = {}
    for old, tensor in tensors.items():
        name = present_name(old, aliases)
        if name in renamed:
            raise UserError(f'{path}: holds "{name}" twice, once as "{old}"')
        if name is not None:
            renamed[name] = tensor
    return renamed
