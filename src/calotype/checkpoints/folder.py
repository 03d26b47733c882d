"""A folder of the published layout -> the parts of its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calotype.checkpoints.component import (
    AUTOENCODER_KL,
    CLIP_TEXT,
    FIRST_STAGES,
    KINDS,
    UNET,
    read_component,
    read_first_stage,
)
from calotype.checkpoints.files import read_json
from calotype.checkpoints.parts import Parts
from calotype.conditioning import CLIPTextConfig, Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary
from calotype.diffusion import SchedulerConfig
from calotype.errors import UserError
from calotype.presets.families import FAMILIES, family_of

# Entries of model_index.json that are no part of what we run, with the reason.
INACTIVE = {
    "safety_checker": "a filter of finished pictures, not run",
    "requires_safety_checker": "a filter of finished pictures, not run",
    "feature_extractor": "what prepares pictures for other networks, not run",
    "image_encoder": "only image-prompt adapters use it",
    "depth_estimator": "MiDaS, which estimates depths; give a depth map",
    "low_res_scheduler": "the schedule of the small picture's noise",
    "max_noise_level": "the schedule of the small picture's noise",
}


def folder_parts(folder: Path) -> Parts:
    """The parts of the model in a folder; UserError for what is missing or not supported."""
    dropped = _require_supported(folder)
    text = read_component(CLIP_TEXT, folder / CLIP_TEXT.folder)
    unet = read_component(UNET, folder / UNET.folder)
    scheduler = _scheduler(folder / "scheduler" / "scheduler_config.json")
    return Parts(
        unet=unet,
        autoencoder=read_first_stage(folder / AUTOENCODER_KL.folder),
        text=text,
        tokenizer=tokenizer_of(folder, text.config),
        scheduler=scheduler,
        name=folder.resolve().name,
        family=family_of(unet.config),
        rule="scheduler_config.json",
        dropped={**dropped, **text.dropped},
    )


def _require_supported(folder: Path) -> dict[str, str]:
    """What the folder's index names beside the components that we have, with why that is left out.

    UserError if it names others, or lacks one.
    """
    path = folder / "model_index.json"
    if not path.exists():
        raise UserError(f"{folder}: not a model's folder: it holds no model_index.json")
    index = read_json(path)
    wanted: dict[str, Any] = {kind.folder: [list(kind.published)] for kind in KINDS}
    wanted[AUTOENCODER_KL.folder] = [list(kind.published) for kind in FIRST_STAGES]
    wanted["tokenizer"] = [["transformers", "CLIPTokenizer"], ["transformers", "CLIPTokenizerFast"]]
    for name, allowed in wanted.items():
        if index.get(name) not in allowed:
            raise UserError(
                f"{path}: {name} is {index.get(name)}; supported: {' or '.join(map(str, allowed))}"
            )
    for name, value in index.items():
        known = name in wanted or name in INACTIVE or name == "scheduler" or name.startswith("_")
        if not known and value not in (None, [None, None]):
            raise UserError(f"{path}: {name} = {value} is not supported")
    unused = (None, [None, None], False)
    return {name: why for name, why in INACTIVE.items() if index.get(name) not in unused}


def tokenizer_of(folder: Path, text: CLIPTextConfig) -> Tokenizer:
    """The folder's tokenizer; CLIP's own where it has none and the encoder's size says so."""
    if (folder / "tokenizer").exists():
        return Tokenizer.from_folder(folder / "tokenizer")
    family = next((f for f in FAMILIES if f.text.hidden_size == text.hidden_size), None)
    clip = clip_vocabulary() if family is None else clip_vocabulary(family.pad_token)
    if text.vocab_size != len(clip.ids):
        raise UserError(
            f"{folder}: no tokenizer folder, and {text.vocab_size} tokens are not CLIP's"
        )
    return Tokenizer(clip)


def _scheduler(path: Path) -> SchedulerConfig:
    values = read_json(path)
    try:
        return SchedulerConfig.from_json(values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
