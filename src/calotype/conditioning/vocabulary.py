"""Vocabulary: the tables of a tokenizer, read from and written to the published files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from calotype.errors import UserError

FILES = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "added_tokens.json",
)
DEFAULTS = {
    "bos_token": "<|startoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
}


@dataclass(frozen=True)
class Vocabulary:
    """Tokens, merges in the order in which they apply, special tokens, and the longest text.

    special: the tokens for bos_token, eos_token, unk_token and pad_token.
    max_length: in tokens, with start and end.
    known_words: for a vocabulary learned here, the words of the captions it was learned from.
    """

    ids: Mapping[str, int]
    merges: tuple[tuple[str, str], ...]
    special: Mapping[str, str]
    max_length: int
    known_words: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for token, id in self.ids.items():
            if type(id) is not int or not 0 <= id < 2**31:
                raise UserError(
                    f'token "{token}": its id is {id!r:.40}, not a whole number from 0 on'
                )
        for left, right in self.merges:
            for token in (left, right, left + right):
                if token not in self.ids:
                    raise UserError(
                        f'merge "{left} {right}" needs token "{token}", not in vocabulary'
                    )
        for role, token in self.special.items():
            if token not in self.ids:
                raise UserError(f'{role} "{token}" is not in the vocabulary')

    @staticmethod
    def from_files(files: Mapping[str, str]) -> Vocabulary:
        """The vocabulary in the texts of a published folder's files, by file name.

        Reads vocab.json and merges.txt, or tokenizer.json where transformers wrote only that.
        Raises UserError, without the folder's name, for what is missing or unsupported.
        """
        try:
            return Vocabulary._from_files(files)
        except (AttributeError, LookupError, TypeError, RecursionError) as error:
            raise UserError(f"its files are not of the form of CLIP's: {error!r:.80}") from None

    @staticmethod
    def _from_files(files: Mapping[str, str]) -> Vocabulary:
        config = _json(files, "tokenizer_config.json")
        if "tokenizer.json" in files:
            ids, merges, added = _unified(_json(files, "tokenizer.json"))
        else:
            ids, merges, added = _json(files, "vocab.json"), _merges(files), {}
        if "added_tokens_decoder" in config:
            added = {token["content"]: token for token in config["added_tokens_decoder"].values()}
        elif "special_tokens_map.json" in files:
            config |= _json(files, "special_tokens_map.json")
        special = {role: config.get(role) or token for role, token in DEFAULTS.items()}
        _refuse_unsupported(
            config, [*special.values(), *added.values()], _json(files, "added_tokens.json", "{}")
        )
        known = config.get("known_words")
        return Vocabulary(
            ids,
            merges,
            {role: _text(token) for role, token in special.items()},
            config["model_max_length"],
            None if known is None else frozenset(known),
        )

    def to_files(self) -> dict[str, str]:
        """The texts of the files that transformers' CLIPTokenizer and ``from_files`` read."""
        config: dict[str, Any] = {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": self.max_length,
            **self.special,
        }
        if self.known_words is not None:
            config["known_words"] = sorted(self.known_words)
        merges = [f"{left} {right}\n" for left, right in self.merges]
        return {
            "tokenizer_config.json": json.dumps(config, indent=2, ensure_ascii=False) + "\n",
            "vocab.json": json.dumps(dict(self.ids), ensure_ascii=False) + "\n",
            "merges.txt": "".join(["#version: 0.2\n", *merges]),
        }


def _json(files: Mapping[str, str], name: str, default: str | None = None) -> dict[str, Any]:
    text = files.get(name, default)
    if text is None:
        raise UserError(
            f"no {name}; a tokenizer needs tokenizer_config.json, vocab.json, merges.txt"
        )
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UserError(f"{name} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"{name}: expected a JSON object, found {type(values).__name__}")
    return values


def _merges(files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if "merges.txt" not in files:
        raise UserError("no merges.txt; a tokenizer needs it beside vocab.json")
    lines = [line for line in files["merges.txt"].splitlines() if line]
    return tuple(_pair(line.split(" ")) for line in lines if not line.startswith("#version"))


def _unified(
    file: Mapping[str, Any],
) -> tuple[dict[str, int], tuple[tuple[str, str], ...], dict[str, Any]]:
    """Tokens, merges and added tokens of a tokenizer.json."""
    model = file.get("model", {})
    if not {"vocab", "merges"} <= model.keys():
        raise UserError("tokenizer.json: expected a byte-pair model with vocab and merges")
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    added = {token["content"]: token for token in file.get("added_tokens", ())}
    return model["vocab"], tuple(_pair(merge) for merge in merges), added


def _pair(parts: list[str]) -> tuple[str, str]:
    if len(parts) != 2:
        raise UserError(f'merge "{" ".join(parts)}": expected two tokens with a space between')
    return parts[0], parts[1]


def _refuse_unsupported(
    config: Mapping[str, Any], tokens: Iterable[str | Mapping[str, Any]], added: Iterable[str]
) -> None:
    """UserError for a setting that is not supported and would change the ids."""
    for side in ("padding_side", "truncation_side"):
        if config.get(side, "right") != "right":
            raise UserError(f'{side} = "{config[side]}" is not supported, only "right"')
    length = config.get("model_max_length")
    # transformers writes 1e30 where nobody has said.
    if not isinstance(length, int) or not 2 <= length < 10**6:
        raise UserError(
            f"model_max_length = {length}: give the text encoder's longest text, 77 in CLIP"
        )
    for name, value in config.items():
        # Switches such as add_bos_token end so too.
        if name.endswith("_token") and name not in DEFAULTS and isinstance(value, str | dict):
            raise UserError(f"{name} = {value!r} is not supported")
    for token in tokens:
        # "normalized" is at rest in any case: special tokens are found before the clean-up.
        for switch in ("lstrip", "rstrip", "single_word"):
            if isinstance(token, Mapping) and token.get(switch):
                raise UserError(f'token "{_text(token)}": {switch} is not supported')
    extra = [*config.get("additional_special_tokens", ()), *config.get("extra_special_tokens", ())]
    ours = {_text(config.get(role, DEFAULTS[role])) for role in DEFAULTS}
    if unknown := {*added, *map(_text, tokens), *map(_text, extra)} - ours:
        raise UserError(f'added token "{min(unknown)}" is not supported')


def _text(token: str | Mapping[str, Any]) -> str:
    return token if isinstance(token, str) else token["content"]
