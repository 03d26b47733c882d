"""The tokenizer and frozen text encoder of a run: made when it begins, then kept in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch

from calotype.checkpoints import load_text, save_text
from calotype.conditioning import TextEmbedder, Tokenizer
from calotype.example import Known
from calotype.training.state import checkpoints

CAPTIONS_READ = 20_000  # captions that a vocabulary is learned from


class Captioned(Protocol):
    """What has captions: any Source, and scenes that are never rendered."""

    def __len__(self) -> int: ...

    def known(self, indices: Sequence[int], variants: Sequence[int]) -> Known: ...


def kept_tokenizer(out: Path, first: Callable[[], Tokenizer]) -> Tokenizer:
    """The run's tokenizer: ``first()`` when it begins, from then on read from its folder.

    The trained embeddings belong to its tokens, even if the captions have changed since.
    """
    folder = out / "tokenizer"
    if checkpoints(out):
        return Tokenizer.from_folder(folder)
    tokenizer = first()
    tokenizer.save(folder)
    return tokenizer


def kept_text(out: Path, first: Callable[[], TextEmbedder]) -> TextEmbedder:
    """A run's frozen text encoder: ``first()`` when it begins, from then on that of its folder.

    It is in no checkpoint, and its first folder may hold another by the time the run resumes.
    """
    folder = out / "text"
    if checkpoints(out):
        return load_text(folder, torch.float32)
    text = first()
    save_text(text, folder)
    return text


def learned_tokenizer(source: Captioned, vocabulary: int, longest: int) -> Tokenizer:
    """A vocabulary of the captions."""
    return Tokenizer.train(captions_of(source, CAPTIONS_READ), vocabulary, longest)


def captions_of(source: Captioned, count: int) -> list[str]:
    """The captions of the first ``count`` pictures, or of all where there are fewer."""
    indices = range(min(count, len(source)))
    return list(source.known(indices, [0] * len(indices))["captions"])
