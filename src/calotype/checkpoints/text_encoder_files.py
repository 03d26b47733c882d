"""A text encoder and its tokenizer in a folder of their own, or a model's <-> TextEmbedder."""

from __future__ import annotations

from pathlib import Path

import torch

from calotype.checkpoints.component import (
    build,
    component_of,
    read_component,
    write_component,
)
from calotype.checkpoints.files import write_folder_atomically
from calotype.checkpoints.kinds import CLIP_TEXT
from calotype.checkpoints.locate import find
from calotype.checkpoints.model_folder import tokenizer_of
from calotype.conditioning import TextEmbedder


def load_text(model: str | Path, dtype: torch.dtype | None = None) -> TextEmbedder:
    """The text encoder and tokenizer in a folder that holds ``text_encoder`` and ``tokenizer``.

    model: such a folder, or a model's folder, name or hub id. Raises UserError for what is missing
    or broken.
    """
    folder = find(model)
    text = read_component(CLIP_TEXT, folder / CLIP_TEXT.folder)
    return TextEmbedder(tokenizer_of(folder, text.config), build(text, dtype=dtype))


def save_text(text: TextEmbedder, folder: str | Path) -> None:
    """Write ``text_encoder`` and ``tokenizer`` into a folder, both or neither."""
    with write_folder_atomically(Path(folder)) as temporary:
        (temporary / CLIP_TEXT.folder).mkdir()
        write_component(component_of(text.encoder), temporary / CLIP_TEXT.folder, None)
        text.tokenizer.save(temporary / "tokenizer")
