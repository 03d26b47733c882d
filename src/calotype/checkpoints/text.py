"""A text encoder with its tokenizer: a folder of their own, or a model's, <-> TextEmbedder."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch

from calotype.checkpoints.component import (
    CLIP_TEXT,
    build,
    of_network,
    read_component,
    write_component,
)
from calotype.checkpoints.files import write_folder_atomically
from calotype.checkpoints.folder import tokenizer_of
from calotype.checkpoints.load import find
from calotype.conditioning import CLIPTextEncoder, TextEmbedder


def load_text(model: str | Path, dtype: torch.dtype | None = None) -> TextEmbedder:
    """The text encoder and tokenizer in a folder that holds ``text_encoder`` and ``tokenizer``.

    model: such a folder, or a model's folder, name or hub id. Raises UserError for what is missing
    or broken.
    """
    folder = find(model)
    text = read_component(CLIP_TEXT, folder / CLIP_TEXT.folder)
    encoder = cast(CLIPTextEncoder, build(text, dtype=dtype))
    return TextEmbedder(tokenizer_of(folder, text.config), encoder)


def save_text(text: TextEmbedder, folder: str | Path) -> None:
    """Write ``text_encoder`` and ``tokenizer`` into a folder, both or neither."""
    with write_folder_atomically(Path(folder)) as temporary:
        (temporary / CLIP_TEXT.folder).mkdir()
        write_component(of_network(text.encoder), temporary / CLIP_TEXT.folder, None)
        text.tokenizer.save(temporary / "tokenizer")
