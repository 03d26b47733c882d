"""A single file that holds a whole model -> its parts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.component import (
    AUTOENCODER_KL,
    CLIP_TEXT,
    UNET,
    Component,
    Kind,
    config_of,
    first_stage_kind,
    kind_of,
    require_fit,
    shapes,
    under_present_names,
)
from calotype.checkpoints.files import read_safetensors
from calotype.checkpoints.keymap import Places, gather, shapes_there
from calotype.checkpoints.layouts import compvis
from calotype.checkpoints.parts import Parts
from calotype.checkpoints.pickles import read_pickle
from calotype.checkpoints.weights import PICKLES, tensors_in
from calotype.conditioning import Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary
from calotype.conditioning.vocabulary import Vocabulary
from calotype.diffusion import Prediction, SchedulerConfig
from calotype.errors import UserError
from calotype.presets.families import FAMILIES, Family

PlacesOf = Callable[[Any, list[str]], Places]

HEADER = "calotype"
"""The key of a safetensors header under which our files carry their configs."""
EPSILON_STEPS = 875_000
"""The global_step of Stable Diffusion 2's base model, which learned to predict epsilon."""


@dataclass(frozen=True)
class SingleFile:
    """What a single file holds, before any of it is recognised.

    configs: of our own files, by component; of an autoencoder alone, its own. steps: the
        global_step of a training checkpoint.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    configs: Mapping[str, Any] | None = None
    steps: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it holds a whole model: whether a UNet is in it."""
        return _whole(self.tensors)


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
        header = (file.metadata() or {}).get(HEADER)
    configs = None if header is None else _configs(header, path, _whole(tensors))
    return SingleFile(path, tensors, configs)


def _whole(tensors: Mapping[str, Tensor]) -> bool:
    return any(name.startswith(compvis.UNET) for name in tensors)


def _configs(header: str, path: Path, whole: bool) -> dict[str, Any]:
    try:
        configs = json.loads(header)
    except (ValueError, RecursionError):
        configs = None
    wanted = {AUTOENCODER_KL.folder}
    if whole:
        wanted |= {UNET.folder, CLIP_TEXT.folder, "scheduler", "tokenizer"}
    if not isinstance(configs, dict) or not wanted <= configs.keys():
        raise UserError(f"{path}: its header should hold the model's configs as JSON, and does not")
    return configs


def single_file_parts(single: SingleFile, ema: bool = False) -> Parts:
    """The parts of the model in a single file.

    ema: the running average of the UNet's weights instead of the weights. Raises UserError, naming
    the tensor, where the file is of no known family, lacks anything or holds anything unknown.
    """
    tensors = under_present_names(single.tensors, compvis.ALIASES, single.path)
    if ema and not any(name.startswith(compvis.AVERAGED_UNET) for name in tensors):
        raise UserError(f"{single.path}: --ema: it holds no running average of the weights")
    family = _ours(single) if single.configs and single.whole else _recognised(tensors, single.path)
    layout = _layout(family, tensors, ema, single.path)
    places: dict[str, Places] = {}
    wanted: dict[str, torch.Size] = {}
    for kind, config, places_of in layout:
        ours = shapes(kind, config)
        places[kind.folder] = places_of(config, [*ours])
        wanted |= shapes_there(places[kind.folder], ours)
    dropped = _dropped(tensors, wanted, ema)
    kept = {name: tensor for name, tensor in tensors.items() if name not in dropped}
    require_fit(kept, wanted, f"{single.path} does not fit {family.name}")
    unet, vae, text = (
        Component(kind, config, gather(places[kind.folder], kept), single.path)
        for kind, config, _ in layout
    )
    prediction, rule, probe = _prediction(single, family)
    return Parts(
        unet=unet,
        autoencoder=vae,
        text=text,
        tokenizer=_tokenizer(single, family),
        scheduler=replace(family.scheduler, prediction_type=prediction),
        name=single.path.stem,
        family=family.name,
        rule=rule,
        probe=probe,
        unet_of_v=family.unet_of_v,
        dropped=dropped,
    )


def _layout(
    family: Family, tensors: Mapping[str, Tensor], ema: bool, path: Path
) -> Sequence[tuple[Kind, Any, PlacesOf]]:
    """The networks of a file with their configs, and where it keeps their tensors."""
    openclip = any(name.startswith(compvis.OPENCLIP) for name in tensors)
    scaled = with_scale(family.autoencoder, tensors, path)
    first_stage = kind_of(scaled)
    return (
        (UNET, family.unet, compvis.averaged_places if ema else compvis.unet_places),
        (first_stage, scaled, compvis.autoencoder_places),
        (CLIP_TEXT, family.text, compvis.openclip_places if openclip else compvis.clip_places),
    )


def _dropped(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], ema: bool
) -> dict[str, str]:
    """The tensors that are left out by a declared rule, with the reason."""
    found: dict[str, str] = {}
    for name in tensors.keys() - wanted.keys():
        raw = ema and name.startswith(compvis.UNET)
        if why := "the weights; --ema takes their average" if raw else compvis.why_dropped(name):
            found[name] = why
    return dict(sorted(found.items()))


def _recognised(tensors: Mapping[str, Tensor], path: Path) -> Family:
    """The family whose UNet has the file's inputs and reads its text encoder's width."""
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
        f"{first.shape[0]} in its first layer, words {words.shape[-1]} wide"
    )


def _ours(single: SingleFile) -> Family:
    """What the header of one of our files says, as a family of its own."""
    assert single.configs is not None
    where = f"{single.path}, in its header"
    of_first_stage = first_stage_kind(single.configs[AUTOENCODER_KL.folder], where)
    kept = {
        kind.folder: config_of(kind, single.configs[kind.folder], where)
        for kind in (UNET, of_first_stage, CLIP_TEXT)
    }
    scheduler = single.configs["scheduler"]
    try:
        if not isinstance(scheduler, dict):
            raise UserError(f"scheduler: expected a JSON object, found {scheduler!r:.50}")
        schedule = SchedulerConfig.from_json(scheduler)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    return Family(
        name="written by Calotype",
        unet=kept[UNET.folder],
        autoencoder=kept[AUTOENCODER_KL.folder],
        text=kept[CLIP_TEXT.folder],
        scheduler=schedule,
        pad_token="",
    )


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


def _tokenizer(single: SingleFile, family: Family) -> Tokenizer:
    """CLIP's, or that of our header where it has one of its own."""
    kept = single.configs["tokenizer"] if single.configs else family.pad_token
    where = f"{single.path}, in its header: tokenizer"
    try:
        if isinstance(kept, str):
            return Tokenizer(clip_vocabulary(kept))
        if not isinstance(kept, dict) or not all(isinstance(text, str) for text in kept.values()):
            raise UserError(f"expected the texts of its files, found {kept!r:.50}")
        return Tokenizer(Vocabulary.from_files(kept))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _prediction(single: SingleFile, family: Family) -> tuple[Prediction, str, bool]:
    """What the UNet predicts, by which rule, and whether a trial should tell."""
    if single.configs:
        return family.scheduler.prediction_type, "the header", False
    if family.unet_of_v is None:
        return family.scheduler.prediction_type, "its family", False
    if single.steps == EPSILON_STEPS:
        return "epsilon", f"global_step = {EPSILON_STEPS}", False
    return "epsilon", "a trial", True
