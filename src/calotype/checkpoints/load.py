"""A model's name, folder or file -> LatentDiffusion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from calotype.autoencoder import FirstStage
from calotype.checkpoints.autoencoder_files import read_autoencoder
from calotype.checkpoints.component import Component, build
from calotype.checkpoints.detect_prediction import with_prediction_type
from calotype.checkpoints.locate import MODELS, find
from calotype.checkpoints.model_folder import read_folder
from calotype.checkpoints.parts import Parts, require_match
from calotype.checkpoints.single_file import open_single_file, single_file_parts
from calotype.checkpoints.weights import weight_files
from calotype.conditioning import Conditioner, TextEmbedder
from calotype.diffusion import Prediction
from calotype.errors import UserError
from calotype.model import LatentDiffusion


def load(
    model: str | Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    *,
    vae: str | Path | None = None,
    ema: bool = False,
    prediction: Prediction | None = None,
) -> LatentDiffusion:
    """The model of a name ("scenes"), a folder of the published layout, a single file or a hub id
    owner/name[@revision].

    dtype: the type it computes in; None for the files' own type, but float32 on a CPU. vae: another
    autoencoder, from a folder or a file, or a fine-tuned decoder alone. ema: of a training
    checkpoint, the running average of the UNet's weights. prediction: what the UNet predicts, where
    the file is wrong or says nothing. Raises UserError for a model that is unknown, incomplete,
    broken or of a kind that is not supported.
    """
    loaded = assemble(read_parts(model, vae, ema), device, dtype, prediction)
    loaded.averaged = ema
    return loaded


def read_parts(model: str | Path, vae: str | Path | None = None, ema: bool = False) -> Parts:
    """The parts of a model, memory-mapped: read from the disk when first used."""
    path = find(model)
    if path.is_dir():
        if ema:
            raise UserError(
                f"ema = True: {path} is a folder; only training checkpoints hold a running average"
            )
        parts = read_folder(path)
    else:
        parts = single_file_parts(open_single_file(path), ema)
    if vae is not None:
        other = read_autoencoder(find(vae), parts.autoencoder)
        dropped = {**parts.dropped, **other.dropped}
        parts = replace(parts.with_component(other), dropped=dropped)
    require_match(parts, path)
    return replace(parts, name=str(model)) if str(model) in MODELS else parts


def assemble(
    parts: Parts,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    prediction: Prediction | None = None,
) -> LatentDiffusion:
    """The model of these parts: see ``load``."""
    parts = with_prediction_type(parts, prediction)
    unet = build(parts.unet, device, dtype, last=True)
    embedders, files = [], _files(parts.unet)
    if parts.text is not None and parts.tokenizer is not None:
        encoder = build(parts.text, device, dtype, last=True)
        embedders.append(TextEmbedder(parts.tokenizer, encoder))
        files = _files(parts.unet, parts.text)
    # What the autoencoder computes in is decided with its config at hand, by LatentDiffusion.to.
    of_autoencoder = torch.float32 if dtype == torch.float16 else dtype
    loaded = LatentDiffusion(
        unet=unet,
        autoencoder=build(parts.autoencoder, device, of_autoencoder, last=True),
        conditioner=Conditioner(embedders),
        scheduler=parts.scheduler,
        low_res_scheduler=parts.low_res_scheduler,
        max_noise_level=parts.max_noise_level,
        name=parts.name,
        files=files,
        vae_files=_files(parts.autoencoder),
    )
    return loaded.to(dtype=loaded.dtype)


def _files(*components: Component[Any]) -> tuple[Path, ...]:
    files = (file for component in components for file in weight_files(component.path))
    return tuple(dict.fromkeys(file.resolve() for file in files))


def load_autoencoder(
    model: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> FirstStage:
    """The autoencoder of that name, in its own folder, in a model's, or in a file."""
    return build(read_autoencoder(find(model)), device, dtype)
