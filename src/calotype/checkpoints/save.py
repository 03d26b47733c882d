"""LatentDiffusion -> a folder of the published layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from calotype.checkpoints.component import Component, component_of
from calotype.checkpoints.model_folder import write_folder
from calotype.checkpoints.parts import Parts
from calotype.conditioning import TextEmbedder
from calotype.errors import UserError
from calotype.model import LatentDiffusion


def save(model: LatentDiffusion, folder: str | Path, dtype: torch.dtype | None = None) -> None:
    """Write a model's folder, as ``load`` and diffusers' StableDiffusionPipeline read it.

    The folder appears whole or not at all; it may exist if it holds nothing but such a model.
    dtype: the type of the weights; None keeps the networks' own. Raises UserError for a model with
    an embedder that no file can hold.
    """
    write_folder(parts_of(model), Path(folder), dtype)


def parts_of(model: LatentDiffusion) -> Parts:
    """The parts of a model in memory; their tensors are the networks' own."""
    networks: list[Any] = [model.unet, model.autoencoder]
    tokenizer = None
    for embedder in model.conditioner:
        if not isinstance(embedder, TextEmbedder):
            raise UserError(f"a model with a {type(embedder).__name__} cannot be saved")
        networks.append(embedder.encoder)
        tokenizer = embedder.tokenizer
    components: list[Component[Any]] = [component_of(network) for network in networks]
    return Parts(
        components={component.kind.folder: component for component in components},
        tokenizer=tokenizer,
        scheduler=model.scheduler,
        low_res_scheduler=model.low_res_scheduler,
        max_noise_level=model.max_noise_level,
        name=model.name,
    )
