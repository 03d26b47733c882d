"""A model's name or folder -> LatentDiffusion."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import torch

from calotype.autoencoder import Autoencoder
from calotype.checkpoints.component import (
    AUTOENCODER_KL,
    CLIP_TEXT,
    KINDS,
    UNET,
    load_component,
)
from calotype.checkpoints.files import read_json
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder, Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.errors import UserError, nearest
from calotype.model import LatentDiffusion
from calotype.unet import UNet

# The models in the package, by name.
MODELS = {"scenes": Path(__file__).parents[1] / "weights" / "scenes"}

# Entries of model_index.json that do not change a picture: a filter of finished pictures with its
# preprocessing, and an encoder that only image-prompt adapters use.
_INACTIVE = ("safety_checker", "feature_extractor", "requires_safety_checker", "image_encoder")


def load(
    model: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> LatentDiffusion:
    """The model of that name ("scenes"), or in a folder of the published layout.

    dtype: what it computes in; None for the files' own type, but float32 on a CPU. Raises UserError
    for a model that is unknown, incomplete, broken or of a kind that is not supported.
    """
    folder = find(model)
    _require_supported(folder)
    # What the autoencoder computes in is decided with its config at hand, by LatentDiffusion.to.
    of_autoencoder = torch.float32 if dtype == torch.float16 else dtype
    loaded = LatentDiffusion(
        unet=cast(UNet, load_component(UNET, folder / UNET.folder, device, dtype)),
        autoencoder=load_autoencoder(folder / AUTOENCODER_KL.folder, device, of_autoencoder),
        conditioner=Conditioner([_text(folder, device, dtype)]),
        scheduler=_scheduler(folder / "scheduler" / "scheduler_config.json"),
        name=str(model) if str(model) in MODELS else folder.resolve().name,
    )
    _require_match(loaded, folder)
    return loaded.to(dtype=loaded.dtype)


def _text(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> TextEmbedder:
    """The tokenizer and text encoder of a model's folder."""
    tokenizer = Tokenizer.from_folder(folder / "tokenizer")
    encoder = load_component(CLIP_TEXT, folder / CLIP_TEXT.folder, device, dtype)
    return TextEmbedder(tokenizer, cast(CLIPTextEncoder, encoder))


def load_autoencoder(
    model: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> Autoencoder:
    """The autoencoder in its own folder, or in the ``vae`` folder of a model's, or by its name."""
    folder = MODELS.get(str(model), Path(model))
    inside = folder / AUTOENCODER_KL.folder
    place = inside if inside.is_dir() else folder
    return cast(Autoencoder, load_component(AUTOENCODER_KL, place, device, dtype))


def find(model: str | Path) -> Path:
    """The folder of a model; raises UserError if there is none."""
    if str(model) in MODELS:
        return MODELS[str(model)]
    folder = Path(model)
    with suppress(OSError):  # a name too long to be one
        if folder.is_dir():
            return folder
    known = ", ".join(f'"{name}"' for name in MODELS)
    if os.path.exists(folder):
        raise UserError(f"model {folder}: is a file; give a model's folder, or a name: {known}")
    raise UserError(
        f'model "{model}": not a folder here and not a known name ({known}); models on a hub are '
        f"not fetched: download the folder and give its path{nearest(str(model), MODELS)}"
    )


def _require_supported(folder: Path) -> None:
    """UserError unless the folder's index names the components that we have, and no others."""
    path = folder / "model_index.json"
    if not path.exists():
        raise UserError(f"{folder}: not a model's folder: it holds no model_index.json")
    index = read_json(path)
    wanted: dict[str, Any] = {kind.folder: [list(kind.published)] for kind in KINDS}
    wanted["tokenizer"] = [["transformers", "CLIPTokenizer"], ["transformers", "CLIPTokenizerFast"]]
    for name, allowed in wanted.items():
        if index.get(name) not in allowed:
            raise UserError(
                f"{path}: {name} is {index.get(name)}; supported: {' or '.join(map(str, allowed))}"
            )
    for name, value in index.items():
        known = name in wanted or name in _INACTIVE or name == "scheduler" or name.startswith("_")
        if not known and value not in (None, [None, None]):
            raise UserError(f"{path}: {name} = {value} is not supported")


def _scheduler(path: Path) -> SchedulerConfig:
    values = read_json(path)
    try:
        return SchedulerConfig.from_json(values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _require_match(model: LatentDiffusion, folder: Path) -> None:
    """UserError if networks that are each whole cannot work with each other."""
    tokenizer, text = model.text.tokenizer, model.text.encoder.config
    unet, autoencoder = model.unet.config, model.autoencoder.config
    for found, what, wanted, other in (
        (len(tokenizer), "tokenizer: tokens", text.vocab_size, "vocab_size"),
        (
            tokenizer.max_length,
            "model_max_length",
            text.max_position_embeddings,
            "max_position_embeddings",
        ),
    ):
        if found > wanted:
            raise UserError(f"{folder}: {what} = {found}, but text_encoder: {other} = {wanted}")
    if set(unet.per_level(unet.cross_attention_dim)) != {text.hidden_size}:
        raise UserError(
            f"{folder}: unet: cross_attention_dim = {unet.cross_attention_dim}, "
            f"but text_encoder: hidden_size = {text.hidden_size}"
        )
    if unet.out_channels != autoencoder.latent_channels:
        raise UserError(
            f"{folder}: unet: out_channels = {unet.out_channels}, "
            f"but vae: latent_channels = {autoencoder.latent_channels}"
        )
