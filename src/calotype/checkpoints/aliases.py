"""Older names of parameters in published folders -> the names of now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Alias:
    """One older name: a pattern for the whole name, and what it is called now.

    new: a replacement as ``re.sub`` takes it; None for what is dropped on purpose.
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
    """What ``name`` is called now: itself if no alias fits, None if it is dropped."""
    for alias in aliases:
        if re.fullmatch(alias.old, name):
            return None if alias.new is None else re.sub(alias.old, alias.new, name)
    return name
