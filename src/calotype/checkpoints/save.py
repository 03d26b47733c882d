"""LatentDiffusion -> a folder of the published layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from calotype.checkpoints.component import AUTOENCODER_KL, CLIP_TEXT, KINDS, UNET, write_component
from calotype.checkpoints.files import write_folder_atomically, write_json
from calotype.model import LatentDiffusion

# The first version of diffusers whose pipeline opens what is written here, tokenizer included.
_DIFFUSERS = "0.35.0"


def save(model: LatentDiffusion, folder: str | Path, dtype: torch.dtype | None = None) -> None:
    """Write a model's folder, as ``load`` and diffusers' StableDiffusionPipeline read it.

    The folder appears whole or not at all; it may exist if it holds nothing but such a model.
    dtype: the type of the weights' files; None keeps the networks' own.
    """
    scheduler = model.scheduler.to_json()
    with write_folder_atomically(Path(folder)) as temporary:
        for kind, network in (
            (UNET, model.unet),
            (AUTOENCODER_KL, model.autoencoder),
            (CLIP_TEXT, model.text.encoder),
        ):
            (temporary / kind.folder).mkdir()
            write_component(kind, network, temporary / kind.folder, dtype)
        model.text.tokenizer.save(temporary / "tokenizer")
        (temporary / "scheduler").mkdir()
        write_json(temporary / "scheduler" / "scheduler_config.json", scheduler)
        write_json(temporary / "model_index.json", _index(scheduler["_class_name"]))


def _index(scheduler: str) -> dict[str, Any]:
    """The model_index.json of a text-to-image model without a filter of finished pictures."""
    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": _DIFFUSERS,
        **{kind.folder: list(kind.published) for kind in KINDS},
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", scheduler],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
    }
