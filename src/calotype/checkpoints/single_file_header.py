"""The header of the single files that we write: the model's configs as JSON, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calotype.checkpoints.component import config_of
from calotype.checkpoints.kinds import CLIP_TEXT, REQUIRED, folders, kind_named
from calotype.checkpoints.parts import Parts
from calotype.checkpoints.schedulers import (
    low_res_scheduler_of,
    max_noise_level_of,
    scheduler_of,
)
from calotype.conditioning import Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary
from calotype.conditioning.vocabulary import Vocabulary
from calotype.errors import UserError

HEADER = "calotype"
"""The key of the safetensors metadata that holds the JSON."""


def parse_header(text: str, path: Path, wanted: set[str]) -> dict[str, Any]:
    """The values in the JSON of a header; raises UserError unless they include those ``wanted``."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not wanted <= values.keys():
        raise UserError(f"{path}: its header should hold the model's configs as JSON, and does not")
    return values


def write_header(values: Mapping[str, Any]) -> dict[str, str]:
    """The safetensors metadata that hold these values."""
    return {HEADER: json.dumps(values, ensure_ascii=False)}


def values_of_model(parts: Parts) -> dict[str, Any]:
    """What the header of a whole model holds: a config for each network, and the rest by name."""
    values: dict[str, Any] = {
        **{name: component.config.to_json() for name, component in parts.components.items()},
        "scheduler": parts.scheduler.to_json(),
    }
    if parts.tokenizer is not None:
        values["tokenizer"] = _tokenizer_values(parts.tokenizer)
    if parts.low_res_scheduler is not None:
        values["low_res_scheduler"] = parts.low_res_scheduler.to_json()
        values["max_noise_level"] = parts.max_noise_level
    return values


WANTED = {*REQUIRED, "scheduler"}
"""What the header of a whole model must hold."""


def model_of_values(values: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], Parts]:
    """The inverse of ``values_of_model``: each network's config, and the parts without networks.

    Raises UserError for a value of the wrong kind.
    """
    where = f"{path}, in its header"
    known = {*WANTED, *folders(), "tokenizer", "low_res_scheduler", "max_noise_level"}
    if unknown := sorted(values.keys() - known):
        raise UserError(f'{where}: "{unknown[0]}" is not supported')
    if (CLIP_TEXT.folder in values) != ("tokenizer" in values):
        raise UserError(f"{where}: a text_encoder and a tokenizer belong together; one is missing")
    configs = {
        name: config_of(kind_named(name, values[name], where), values[name], where)
        for name in folders()
        if name in values
    }
    low_res, max_noise_level = None, None
    if "low_res_scheduler" in values:
        low_res = low_res_scheduler_of(values["low_res_scheduler"], where)
        max_noise_level = max_noise_level_of(values.get("max_noise_level"), low_res, where)
    parts = Parts(
        components={},
        scheduler=scheduler_of(values["scheduler"], where),
        tokenizer=_tokenizer(values["tokenizer"], where) if "tokenizer" in values else None,
        low_res_scheduler=low_res,
        max_noise_level=max_noise_level,
        family="written by Calotype",
        rule="the header",
    )
    return configs, parts


def _tokenizer_values(tokenizer: Tokenizer) -> str | dict[str, str]:
    """A tokenizer as JSON: the padding token of CLIP's own, or the texts of another's files."""
    vocabulary, clip = tokenizer.vocabulary, clip_vocabulary()
    pad = vocabulary.special["pad_token"]
    same = vocabulary.ids == clip.ids and vocabulary == clip_vocabulary(pad)
    return pad if same else vocabulary.to_files()


def _tokenizer(values: Any, where: str) -> Tokenizer:
    try:
        if isinstance(values, str):
            return Tokenizer(clip_vocabulary(values))
        texts = values.values() if isinstance(values, dict) else (None,)
        if not all(isinstance(text, str) for text in texts):
            raise UserError(f"expected the texts of its files, found {values!r:.50}")
        return Tokenizer(Vocabulary.from_files(values))
    except UserError as error:
        raise UserError(f"{where}: tokenizer: {error}") from None
