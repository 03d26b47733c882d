"""The packaged vocabulary of OpenAI's CLIP, for model files that hold no tokenizer."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from calotype.conditioning.vocabulary import DEFAULTS, Vocabulary

MERGES = Path(__file__).parent / "clip_merges.txt.gz"
MAX_LENGTH = 77
PRINTABLE = (range(ord("!"), ord("~") + 1), range(0xA1, 0xAD), range(0xAE, 0x100))


def clip_vocabulary(pad_token: str = DEFAULTS["pad_token"]) -> Vocabulary:
    """CLIP's 49,408 tokens (Radford et al. 2021), texts of 77.

    pad_token: what short texts are filled with: the end of text in Stable Diffusion 1, "!" in 2.
    """
    ids, merges = _tables()
    return Vocabulary(ids, merges, DEFAULTS | {"pad_token": pad_token}, MAX_LENGTH)


@cache
def _tables() -> tuple[dict[str, int], tuple[tuple[str, str], ...]]:
    """Ids in CLIP's order: bytes, bytes at a word's end, what each merge makes, start and end."""
    lines = gzip.decompress(MERGES.read_bytes()).decode().splitlines()
    merges = tuple((left, right) for left, right in (line.split(" ") for line in lines))
    tokens = [*_letters(), *(f"{letter}</w>" for letter in _letters()), *map("".join, merges)]
    tokens += [DEFAULTS["bos_token"], DEFAULTS["eos_token"]]
    return {token: number for number, token in enumerate(tokens)}, merges


def _letters() -> list[str]:
    """A printable character for each of 256 bytes (as GPT-2 has them): itself first, if it is."""
    printed = [byte for part in PRINTABLE for byte in part]
    return [*map(chr, printed), *(chr(256 + k) for k in range(256 - len(printed)))]
