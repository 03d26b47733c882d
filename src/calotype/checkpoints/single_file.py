"""A single file that holds a whole model <-> Parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.aliases import under_present_names
from calotype.checkpoints.component import Component
from calotype.checkpoints.files import write_safetensors
from calotype.checkpoints.fit import require_fit, shapes
from calotype.checkpoints.keymap import Places, gather, scatter, shapes_there
from calotype.checkpoints.kinds import AUTOENCODER_KL, CLIP_TEXT, UNET, kind_of
from calotype.checkpoints.layouts import compvis
from calotype.checkpoints.parts import Parts
from calotype.checkpoints.pickles import read_pickle
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.checkpoints.single_file_header import (
    HEADER,
    WANTED,
    model_of_values,
    parse_header,
    values_of_model,
    write_header,
)
from calotype.checkpoints.weights import PICKLES, tensors_in
from calotype.conditioning import Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary
from calotype.errors import UserError
from calotype.presets import sd2
from calotype.presets.families import FAMILIES, Family

EPSILON_STEPS = 875_000
"""The global_step of Stable Diffusion 2's base model, which learned to predict epsilon."""


@dataclass(frozen=True)
class SingleFile:
    """What a single file holds, before any of it is recognised.

    header: the values in the header of a file that we wrote: of a whole model those of
        ``single_file_header``, of an autoencoder alone its config under "vae".
    steps: the global_step of a training checkpoint.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    header: Mapping[str, Any] | None = None
    steps: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it holds a whole model: whether a UNet is in it."""
        return _is_whole(self.tensors)


def open_single_file(path: Path) -> SingleFile:
    """Open a .safetensors file, or a pickle of a training program."""
    if path.suffix in PICKLES:
        found = read_pickle(path)
        steps = found.get("global_step") if isinstance(found, dict) else None
        return SingleFile(
            path, tensors_in(found, path), steps=steps if type(steps) is int else None
        )
    tensors = read_safetensors(path)
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(HEADER)
    if text is None:
        return SingleFile(path, tensors)
    wanted = WANTED if _is_whole(tensors) else {AUTOENCODER_KL.folder}
    return SingleFile(path, tensors, parse_header(text, path, wanted))


def _is_whole(tensors: Mapping[str, Tensor]) -> bool:
    return any(name.startswith(compvis.UNET) for name in tensors)


def single_file_parts(single: SingleFile, ema: bool = False) -> Parts:
    """The parts of the model in a single file.

    ema: the running average of the UNet's weights instead of the weights. Raises UserError, naming
    the tensor, where the file is of no known family, lacks anything or holds anything unknown.
    """
    tensors = under_present_names(single.tensors, compvis.ALIASES, single.path)
    if ema and not any(name.startswith(compvis.AVERAGED_UNET) for name in tensors):
        raise UserError(f"ema = True: {single.path} holds no running average of the weights")
    if single.header and single.whole:
        configs, parts = model_of_values(single.header, single.path)
    else:
        configs, parts = _of_family(_recognise(tensors, single.path), single.steps)
    stage = AUTOENCODER_KL.folder
    configs[stage] = with_scale(configs[stage], tensors, single.path)
    places: dict[str, Places] = {}
    wanted: dict[str, torch.Size] = {}
    for name, config in configs.items():
        ours = shapes(kind_of(config), config)
        places[name] = _places(name, config, [*ours], tensors, ema, single.path)
        wanted |= shapes_there(places[name], ours)
    dropped = _dropped(tensors, wanted, ema)
    kept = {name: tensor for name, tensor in tensors.items() if name not in dropped}
    require_fit(kept, wanted, f"{single.path} does not fit {parts.family}")
    components = {
        name: Component(kind_of(config), config, gather(places[name], kept), single.path)
        for name, config in configs.items()
    }
    return replace(parts, components=components, dropped=dropped, name=single.path.stem)


def _places(
    name: str,
    config: Any,
    names: list[str],
    tensors: Mapping[str, Tensor],
    ema: bool,
    path: Path,
) -> Places:
    """Where the file keeps the tensors of a network."""
    if name == UNET.folder and ema:
        return compvis.averaged_places(config, names)
    if name == CLIP_TEXT.folder and any(key.startswith(compvis.OPENCLIP) for key in tensors):
        return compvis.openclip_places(config, names)
    return compvis.places(name, config, names, path)


def _dropped(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], ema: bool
) -> dict[str, str]:
    """The tensors that are left out by a declared rule -> the reason."""
    found: dict[str, str] = {}
    for name in tensors.keys() - wanted.keys():
        raw = ema and name.startswith(compvis.UNET)
        if (
            why := "the weights, of which the average is taken"
            if raw
            else compvis.why_dropped(name)
        ):
            found[name] = why
    return dict(sorted(found.items()))


def _recognise(tensors: Mapping[str, Tensor], path: Path) -> Family:
    """The family whose UNet has the file's input channels and reads contexts of the same width."""
    first = tensors.get(f"{compvis.UNET}input_blocks.0.0.weight")
    words = next((t for n, t in tensors.items() if n.endswith("attn2.to_k.weight")), None)
    if first is None or words is None or first.ndim != 4 or words.ndim != 2:
        raise UserError(
            f"{path}: holds no Stable Diffusion: expected {compvis.UNET}input_blocks.0.0"
            f".weight and others, found {min(tensors, default='nothing')}"
        )
    for family in FAMILIES:
        unet = family.unet
        wanted = (unet.block_out_channels[0], unet.in_channels, unet.cross_attention_dim)
        if wanted == (first.shape[0], first.shape[1], words.shape[-1]):
            return family
    raise UserError(
        f"{path}: a UNet of no known family: {first.shape[1]} channels in, "
        f"{first.shape[0]} in its first layer, a context {words.shape[-1]} wide"
    )


def _of_family(family: Family, steps: int | None) -> tuple[dict[str, Any], Parts]:
    """Each network's config, and the parts without networks, of a file of this family.

    steps: the file's global_step. Where the family has models of both predictions and ``steps``
    does not decide, a trial has to.
    """
    scheduler, rule, probe = family.scheduler, "its family", False
    if family.unet_of_v is not None:
        probe = steps != EPSILON_STEPS
        scheduler = replace(scheduler, prediction_type="epsilon")
        rule = "a trial" if probe else f"global_step = {EPSILON_STEPS}"
    configs = {
        UNET.folder: family.unet,
        AUTOENCODER_KL.folder: family.autoencoder,
        CLIP_TEXT.folder: family.text,
    }
    parts = Parts(
        components={},
        scheduler=scheduler,
        tokenizer=Tokenizer(clip_vocabulary(family.pad_token)),
        low_res_scheduler=family.low_res_scheduler,
        max_noise_level=family.max_noise_level,
        family=family.name,
        rule=rule,
        probe=probe,
        unet_of_v=family.unet_of_v,
    )
    return configs, parts


def with_scale(
    config: AutoencoderConfig, tensors: Mapping[str, Tensor], path: Path
) -> AutoencoderConfig:
    """The config with the scale of the latents that the file holds, if its training measured it."""
    scale = tensors.get("scale_factor")
    if scale is None:
        return config
    if scale.numel() != 1 or not 0 < scale.item() < math.inf:
        raise UserError(f"{path}: scale_factor = {scale.tolist()}: must be one positive number")
    return replace(config, scaling_factor=float(scale))


def write_single(parts: Parts, path: Path, dtype: torch.dtype | None = None) -> None:
    """Write one safetensors file with CompVis' names, whole or not at all.

    Its header holds the configs, so that it is read without any other file; programs that do not
    know this header go by the names and shapes. dtype: the type of the weights; None keeps each
    tensor's own.
    """
    tensors: dict[str, Tensor] = {}
    for name, component in parts.components.items():
        names = [*component.tensors]
        if name == CLIP_TEXT.folder and component.config.hidden_size == sd2.TEXT.hidden_size:
            places = compvis.openclip_places(component.config, names)
        else:
            places = compvis.places(name, component.config, names, path)
        tensors |= scatter(places, component.tensors)
    placed = {name: tensor.to(dtype=dtype) for name, tensor in tensors.items()}
    write_safetensors(path, placed, write_header(values_of_model(parts)))
