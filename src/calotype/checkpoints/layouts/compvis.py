"""A whole model in one file, as CompVis' programs write it: what stands where, what is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.aliases import Alias
from calotype.checkpoints.keymap import Place, Places
from calotype.checkpoints.layouts import autoencoder, openclip, unet
from calotype.conditioning import CLIPTextConfig
from calotype.unet import UNetConfig

UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
CLIP = "cond_stage_model.transformer."
OPENCLIP = "cond_stage_model.model."
AVERAGE = "model_ema."
AVERAGED_UNET = f"{AVERAGE}diffusion_model"

# What some merging programs have made of the names.
ALIASES = (
    Alias(
        rf"{re.escape(CLIP)}((embeddings|encoder|final_layer_norm)\..*)", rf"{CLIP}text_model.\1"
    ),
    Alias(r"vae\.(.*)", rf"{AUTOENCODER}\1"),
)

# The first that fits a name says why it is left out.
DROPPED: Mapping[str, str] = {
    r"model_ema\.(decay|num_updates)": "how the running average was made",
    r"model_ema\..*": "the running average of the weights; --ema takes it instead",
    r"(sqrt_|log_)?(one_minus_)?(recip_|recipm1_)?alphas_cumprod(_prev)?|betas": "the schedule",
    r"posterior_(variance|log_variance_clipped|mean_coef[12])": "the schedule",
    r"lvlb_weights|logvar": "weights of the loss",
    r"scale_factor": "read as the autoencoder's scaling_factor",
    r"first_stage_model\.(loss\..*|model_ema\..*|colorize)": "the autoencoder's training",
    r"cond_stage_model\.transformer\.(text_model\.)?embeddings\.position_ids": "0, 1, 2, ...",
    r"cond_stage_model\.model\.transformer\.resblocks\.23\..*": "a layer that SD 2 doesn't use",
    r"cond_stage_model\.model\.(text_projection|logit_scale|attn_mask)": "CLIP's training",
    r"cond_stage_model\.(transformer\.)?logit_scale": "CLIP's training",
    r"cond_stage_model\.(transformer\.)?text_projection(\.weight)?": "CLIP's training",
    r"depth_model\..*": "MiDaS, which estimates depths; give a depth map",
    r"low_scale_model\..*": "the schedule of the small picture's noise",
}


def unet_places(config: UNetConfig, names: list[str]) -> Places:
    """Where the UNet's tensors are."""
    return _under(UNET, unet.places(config, names))


def averaged_places(config: UNetConfig, names: list[str]) -> Places:
    """Where the running averages of the UNet's tensors are: their names have lost all dots."""
    found = unet_places(config, names)
    return {
        name: replace(place, name=AVERAGE + place.name.removeprefix("model.").replace(".", ""))
        for name, place in found.items()
    }


def autoencoder_places(config: AutoencoderConfig, names: list[str]) -> Places:
    """Where the autoencoder's tensors are."""
    return _under(AUTOENCODER, autoencoder.places(config, names))


def clip_places(config: object, names: list[str]) -> Places:
    """Where the text encoder's tensors are in SD 1: under the names of transformers, as ours."""
    return {name: Place(CLIP + name) for name in names}


def openclip_places(config: CLIPTextConfig, names: list[str]) -> Places:
    """Where the text encoder's tensors are in SD 2."""
    return _under(OPENCLIP, openclip.places(config, names))


def why_dropped(name: str) -> str | None:
    """Why a tensor of the file is left out; None if it should not be."""
    found = (why for pattern, why in DROPPED.items() if re.fullmatch(pattern, name))
    return next(found, None)


def _under(prefix: str, places: Mapping[str, Any]) -> dict[str, Place]:
    return {name: replace(place, name=prefix + place.name) for name, place in places.items()}
