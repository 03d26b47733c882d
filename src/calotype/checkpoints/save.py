"""A model or its parts -> a folder of the published layout, or a single file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from calotype.checkpoints.component import Component, of_network, write_component
from calotype.checkpoints.files import write_folder_atomically, write_json, write_safetensors
from calotype.checkpoints.keymap import scatter
from calotype.checkpoints.layouts import autoencoder, compvis
from calotype.checkpoints.parts import Parts
from calotype.checkpoints.single_file import HEADER
from calotype.conditioning import Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary
from calotype.model import LatentDiffusion
from calotype.presets import sd2

# The first version of diffusers whose pipeline opens what is written here, tokenizer included.
_DIFFUSERS = "0.35.0"

UPSCALER = 7  # channels: it noises the small picture too, by a schedule of its own
PIPELINES = {
    4: "StableDiffusionPipeline",
    5: "StableDiffusionDepth2ImgPipeline",
    UPSCALER: "StableDiffusionUpscalePipeline",
    9: "StableDiffusionInpaintPipeline",
}
"""What diffusers calls the use of a UNet with so many input channels."""


def save(model: LatentDiffusion, folder: str | Path, dtype: torch.dtype | None = None) -> None:
    """Write a model's folder, as ``load`` and diffusers' StableDiffusionPipeline read it.

    The folder appears whole or not at all; it may exist if it holds nothing but such a model.
    dtype: the type of the weights' files; None keeps the networks' own.
    """
    write_folder(parts_of(model), Path(folder), dtype)


def parts_of(model: LatentDiffusion) -> Parts:
    """The parts of a model in memory."""
    return Parts(
        unet=of_network(model.unet),
        autoencoder=of_network(model.autoencoder),
        text=of_network(model.text.encoder),
        tokenizer=model.text.tokenizer,
        scheduler=model.scheduler,
        name=model.name,
        family="",
        rule="",
    )


def write_folder(parts: Parts, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a folder of the published layout, whole or not at all."""
    scheduler = parts.scheduler.to_json()
    with write_folder_atomically(folder) as temporary:
        for component in parts.networks:
            inside = temporary / component.kind.folder
            inside.mkdir()
            write_component(component, inside, dtype)
        parts.tokenizer.save(temporary / "tokenizer")
        (temporary / "scheduler").mkdir()
        write_json(temporary / "scheduler" / "scheduler_config.json", scheduler)
        channels = parts.unet.config.in_channels
        index = _index(parts, scheduler["_class_name"])
        if channels == UPSCALER:
            (temporary / "low_res_scheduler").mkdir()
            low = temporary / "low_res_scheduler" / "scheduler_config.json"
            write_json(low, {**scheduler, "_class_name": "DDPMScheduler"})
            index |= {"low_res_scheduler": ["diffusers", "DDPMScheduler"], "max_noise_level": 350}
        write_json(temporary / "model_index.json", index)


def write_single(parts: Parts, path: Path, dtype: torch.dtype | None = None) -> None:
    """Write one safetensors file with CompVis' names, whole or not at all.

    Its header holds the configs, so that it is read without any other file; programs that know no
    such header go by the names and shapes.
    """
    openclip = parts.text.config.hidden_size == sd2.TEXT.hidden_size
    of_text = compvis.openclip_places if openclip else compvis.clip_places
    tensors: dict[str, Tensor] = {}
    for component, places_of in (
        (parts.unet, compvis.unet_places),
        (parts.autoencoder, compvis.autoencoder_places),
        (parts.text, of_text),
    ):
        places = places_of(component.config, [*component.tensors])
        tensors |= scatter(places, component.tensors)
    configs = {
        **{c.kind.folder: c.config.to_json() for c in parts.networks},
        "scheduler": parts.scheduler.to_json(),
        "tokenizer": _words(parts.tokenizer),
    }
    placed = {name: tensor.to(dtype=dtype) for name, tensor in tensors.items()}
    write_safetensors(path, placed, {HEADER: json.dumps(configs, ensure_ascii=False)})


def write_first_stage(component: Component, out: Path, dtype: torch.dtype | None = None) -> None:
    """Write an autoencoder alone, whole or not at all: a file .safetensors, or else a folder.

    The file has CompVis' names without a prefix, as its programs write autoencoders, and its config
    in the header.
    """
    if out.suffix != ".safetensors":
        with write_folder_atomically(out) as temporary:
            write_component(component, temporary, dtype)
        return
    places = autoencoder.places(component.config, [*component.tensors])
    tensors = {n: t.to(dtype=dtype) for n, t in scatter(places, component.tensors).items()}
    configs = {component.kind.folder: component.config.to_json()}
    write_safetensors(out, tensors, {HEADER: json.dumps(configs)})


def _words(tokenizer: Tokenizer) -> str | dict[str, str]:
    """What a header says of the words: CLIP's are known by what fills short texts."""
    vocabulary, clip = tokenizer.vocabulary, clip_vocabulary()
    pad = vocabulary.special["pad_token"]
    same = vocabulary.ids == clip.ids and vocabulary == clip_vocabulary(pad)
    return pad if same else vocabulary.to_files()


def _index(parts: Parts, scheduler: str) -> dict[str, Any]:
    """The model_index.json of a model without a filter of finished pictures."""
    return {
        "_class_name": PIPELINES.get(parts.unet.config.in_channels, PIPELINES[4]),
        "_diffusers_version": _DIFFUSERS,
        **{c.kind.folder: list(c.kind.published) for c in parts.networks},
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", scheduler],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
    }
