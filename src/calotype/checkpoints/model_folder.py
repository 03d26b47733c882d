"""A model's folder in the published layout <-> Parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from calotype.checkpoints.component import read_any, write_component
from calotype.checkpoints.files import read_json, write_folder_atomically, write_json
from calotype.checkpoints.kinds import (
    AUTOENCODER_KL,
    CLIP_TEXT,
    REQUIRED,
    UNET,
    folders,
    kinds_in,
)
from calotype.checkpoints.parts import Parts
from calotype.checkpoints.schedulers import (
    DEFAULT_MAX_NOISE_LEVEL,
    low_res_scheduler_of,
    max_noise_level_of,
    scheduler_of,
)
from calotype.conditioning import CLIPTextConfig, Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary
from calotype.errors import UserError
from calotype.presets.families import FAMILIES, family_of

INDEX = "model_index.json"
SCHEDULER = "scheduler/scheduler_config.json"
LOW_RES_SCHEDULER = "low_res_scheduler/scheduler_config.json"

TOKENIZERS = [["transformers", "CLIPTokenizer"], ["transformers", "CLIPTokenizerFast"]]
ABSENT = (None, [None, None])
"""The values in the index of components that a folder does not have."""

# Entries of the index that are left out unless a network of that name is registered.
LEFT_OUT = {
    "safety_checker": "a filter of finished pictures, not run",
    "requires_safety_checker": "a filter of finished pictures, not run",
    "feature_extractor": "what prepares pictures for other networks, not run",
    "image_encoder": "only image-prompt adapters use it",
    "depth_estimator": "MiDaS, which estimates depths; give a depth map",
}

# The first version of diffusers whose pipeline opens what is written here, tokenizer included.
DIFFUSERS_VERSION = "0.35.0"
PIPELINES = {
    4: "StableDiffusionPipeline",
    5: "StableDiffusionDepth2ImgPipeline",
    7: "StableDiffusionUpscalePipeline",
    9: "StableDiffusionInpaintPipeline",
}
"""diffusers' pipeline for a UNet that reads text and has so many input channels."""
UNCONDITIONAL = "LDMPipeline"
"""diffusers' pipeline for a UNet that reads no text; it calls the autoencoder "vqvae"."""
UNCONDITIONAL_AUTOENCODER = "vqvae"


def read_folder(folder: Path) -> Parts:
    """The parts of the model in a folder; raises UserError for what is missing or not supported."""
    path = folder / INDEX
    if not path.exists():
        trained = folder / "model"
        hint = f'; the model of this run is "{trained}"' if (trained / INDEX).is_file() else ""
        raise UserError(f"{folder}: not a model's folder: it holds no {INDEX}{hint}")
    index = read_json(path)
    dropped = _require_supported(index, path)
    components = {name: read_any(name, folder / at) for name, at in network_folders(index).items()}
    text, unet = components.get(CLIP_TEXT.folder), components[UNET.folder]
    low_res, max_noise_level = None, None
    if index.get("low_res_scheduler") not in ABSENT:
        at = folder / LOW_RES_SCHEDULER
        low_res = low_res_scheduler_of(read_json(at), at)
        level = index.get("max_noise_level", DEFAULT_MAX_NOISE_LEVEL)
        max_noise_level = max_noise_level_of(level, low_res, path)
    return Parts(
        components=components,
        tokenizer=tokenizer_of(folder, text.config) if text else None,
        scheduler=scheduler_of(read_json(folder / SCHEDULER), folder / SCHEDULER),
        low_res_scheduler=low_res,
        max_noise_level=max_noise_level,
        name=folder.resolve().name,
        family=family_of(unet.config),
        rule="scheduler_config.json",
        dropped={**dropped, **(text.dropped if text else {})},
    )


def network_folders(index: Mapping[str, Any]) -> dict[str, str]:
    """The networks that an index names -> the folders that they are in."""
    return {
        name: _entry(name, index)
        for name in folders()
        if name in REQUIRED or index.get(name) not in ABSENT
    }


def _entry(name: str, index: Mapping[str, Any]) -> str:
    """What an index calls a network."""
    unconditional = name == AUTOENCODER_KL.folder and UNCONDITIONAL_AUTOENCODER in index
    return UNCONDITIONAL_AUTOENCODER if unconditional else name


def _require_supported(index: Mapping[str, Any], path: Path) -> dict[str, str]:
    """The entries of an index that are left out -> the reason.

    Raises UserError for a required entry that is missing, and for one that is not supported.
    """
    wanted = network_folders(index)
    if index.get("tokenizer") not in ABSENT:
        wanted[CLIP_TEXT.folder] = CLIP_TEXT.folder
    allowed = {
        at: [[kind.package, name] for kind in kinds_in(folder) for name in kind.classes]
        for folder, at in wanted.items()
    }
    if CLIP_TEXT.folder in wanted:
        allowed["tokenizer"] = TOKENIZERS
    for name, values in allowed.items():
        if index.get(name) not in values:
            raise UserError(
                f"{path}: {name} is {index.get(name)}; supported: {' or '.join(map(str, values))}"
            )
    known = {*allowed, *folders(), *LEFT_OUT, "scheduler", "low_res_scheduler", "max_noise_level"}
    for name, value in index.items():
        if name not in known and not name.startswith("_") and value not in ABSENT:
            raise UserError(f"{path}: {name} = {value} is not supported")
    reasons = {name: why for name, why in LEFT_OUT.items() if name not in allowed}
    if index.get("low_res_scheduler") in ABSENT:
        reasons["max_noise_level"] = "there is no low_res_scheduler"
    return {name: why for name, why in reasons.items() if index.get(name) not in (*ABSENT, False)}


def tokenizer_of(folder: Path, text: CLIPTextConfig) -> Tokenizer:
    """The folder's tokenizer; CLIP's where there is none and the encoder has CLIP's size."""
    if (folder / "tokenizer").exists():
        return Tokenizer.from_folder(folder / "tokenizer")
    family = next((f for f in FAMILIES if f.text.hidden_size == text.hidden_size), None)
    clip = clip_vocabulary() if family is None else clip_vocabulary(family.pad_token)
    if text.vocab_size != len(clip.ids):
        raise UserError(
            f"{folder}: no tokenizer folder, and {text.vocab_size} tokens are not CLIP's"
        )
    return Tokenizer(clip)


def write_folder(parts: Parts, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a folder of the published layout, whole or not at all.

    dtype: the type of the weights; None keeps each tensor's own.
    """
    index = _index(parts)
    with write_folder_atomically(folder) as temporary:
        for name, component in parts.components.items():
            inside = temporary / _entry(name, index)
            inside.mkdir()
            write_component(component, inside, dtype)
        if parts.tokenizer is not None:
            parts.tokenizer.save(temporary / "tokenizer")
        for place, scheduler in (
            (SCHEDULER, parts.scheduler),
            (LOW_RES_SCHEDULER, parts.low_res_scheduler),
        ):
            if scheduler is not None:
                (temporary / place).parent.mkdir()
                write_json(temporary / place, scheduler.to_json())
        write_json(temporary / INDEX, index)


def _index(parts: Parts) -> dict[str, Any]:
    """The model_index.json of a model, without a filter of finished pictures."""
    networks = {
        name: [component.kind.package, component.kind.published_class(component.config)]
        for name, component in parts.components.items()
    }
    index: dict[str, Any] = {
        "_diffusers_version": DIFFUSERS_VERSION,
        "scheduler": ["diffusers", parts.scheduler.class_name],
    }
    if parts.low_res_scheduler is not None:
        index["low_res_scheduler"] = ["diffusers", parts.low_res_scheduler.class_name]
        index["max_noise_level"] = parts.max_noise_level
    if parts.text is None:
        networks[UNCONDITIONAL_AUTOENCODER] = networks.pop(AUTOENCODER_KL.folder)
        return {"_class_name": UNCONDITIONAL, **index, **networks}
    return {
        "_class_name": PIPELINES.get(parts.unet.config.in_channels, PIPELINES[4]),
        **index,
        "tokenizer": TOKENIZERS[0],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        **networks,
    }
