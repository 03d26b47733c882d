"""A model's name, folder or file -> LatentDiffusion."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch

from calotype.autoencoder import FirstStage
from calotype.checkpoints.component import Component, build
from calotype.checkpoints.first_stage import read_autoencoder
from calotype.checkpoints.folder import folder_parts
from calotype.checkpoints.hub import fetch, is_id
from calotype.checkpoints.parts import Parts
from calotype.checkpoints.prediction import tried_prediction
from calotype.checkpoints.single_file import open_single_file, single_file_parts
from calotype.checkpoints.weights import weight_files
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder
from calotype.diffusion import Prediction
from calotype.errors import UserError, nearest
from calotype.model import LatentDiffusion
from calotype.unet import UNet

# The models in the package, by name.
MODELS = {"scenes": Path(__file__).parents[1] / "weights" / "scenes"}


def load(
    model: str | Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    *,
    vae: str | Path | None = None,
    ema: bool = False,
    prediction: Prediction | None = None,
) -> LatentDiffusion:
    """The model of that name ("scenes"), in a folder of the published layout, in a single file, or
    of a hub id, owner/name[@revision].

    dtype: what it computes in; None for the files' own type, but float32 on a CPU. vae: another
    autoencoder, from a folder or a file, a fine-tuned decoder alone included. ema: of a training
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
            raise UserError(f"--ema: {path} is a folder; only training checkpoints hold averages")
        parts = folder_parts(path)
    else:
        parts = single_file_parts(open_single_file(path), ema)
    if vae is not None:
        other = read_autoencoder(find(vae), parts.autoencoder)
        parts = replace(parts, autoencoder=other, dropped={**parts.dropped, **other.dropped})
    _require_match(parts, path)
    return replace(parts, name=str(model)) if str(model) in MODELS else parts


def assemble(
    parts: Parts,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    prediction: Prediction | None = None,
) -> LatentDiffusion:
    """The model of these parts: see ``load``."""
    parts = with_prediction_type(parts, prediction)
    unet = cast(UNet, build(parts.unet, device, dtype, last=True))
    text = cast(CLIPTextEncoder, build(parts.text, device, dtype, last=True))
    # What the autoencoder computes in is decided with its config at hand, by LatentDiffusion.to.
    of_autoencoder = torch.float32 if dtype == torch.float16 else dtype
    loaded = LatentDiffusion(
        unet=unet,
        autoencoder=cast(FirstStage, build(parts.autoencoder, device, of_autoencoder, last=True)),
        conditioner=Conditioner([TextEmbedder(parts.tokenizer, text)]),
        scheduler=parts.scheduler,
        name=parts.name,
        files=_files(parts.unet, parts.text),
        vae_files=_files(parts.autoencoder),
    )
    return loaded.to(dtype=loaded.dtype)


def _files(*components: Component) -> tuple[Path, ...]:
    files = (file for component in components for file in weight_files(component.path))
    return tuple(dict.fromkeys(file.resolve() for file in files))


def with_prediction_type(parts: Parts, prediction: Prediction | None = None) -> Parts:
    """The parts with what the UNet predicts: as given, as its files say, or as a trial tells."""
    rule = "as asked for"
    if prediction is None:
        if not parts.probe:
            return parts
        prediction, rule = tried_prediction(cast(UNet, build(parts.unet)))
    scheduler = replace(parts.scheduler, prediction_type=prediction)
    unet = parts.unet
    if prediction == "v_prediction" and parts.unet_of_v:
        unet = replace(unet, config=parts.unet_of_v)
    return replace(parts, unet=unet, scheduler=scheduler, rule=rule, probe=False)


def load_autoencoder(
    model: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> FirstStage:
    """The autoencoder of that name, in its own folder, in a model's, or in a file."""
    return cast(FirstStage, build(read_autoencoder(find(model)), device, dtype))


def find(model: str | Path) -> Path:
    """The folder or file of a model's name, path or hub id; raises UserError if there is none."""
    if str(model) in MODELS:
        return MODELS[str(model)]
    path = Path(model)
    with suppress(OSError):  # a name too long to be one
        if path.exists():
            return path
    if is_id(str(model)):
        return fetch(str(model))
    known = ", ".join(f'"{name}"' for name in MODELS)
    raise UserError(
        f'model "{model}": not a folder or file here, not a known name ({known}) and no hub id '
        f"(owner/name){nearest(str(model), MODELS)}"
    )


def _require_match(parts: Parts, path: Path) -> None:
    """UserError if networks that are each whole cannot work with each other."""
    tokenizer, text = parts.tokenizer, parts.text.config
    unet, autoencoder = parts.unet.config, parts.autoencoder.config
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
            raise UserError(f"{path}: {what} = {found}, but text_encoder: {other} = {wanted}")
    if set(unet.per_level(unet.cross_attention_dim)) != {text.hidden_size}:
        raise UserError(
            f"{path}: unet: cross_attention_dim = {unet.cross_attention_dim}, "
            f"but text_encoder: hidden_size = {text.hidden_size}"
        )
    if unet.out_channels != autoencoder.diffused_channels:
        raise UserError(
            f"{path}: unet: out_channels = {unet.out_channels}, but the latents of the autoencoder "
            f"in {parts.autoencoder.path} have {autoencoder.diffused_channels} channels"
        )
