"""A whole model in one file, as CompVis' programs write it: the place of each network's tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.aliases import Alias
from calotype.checkpoints.keymap import Place, Places
from calotype.checkpoints.layouts import autoencoder, openclip, unet
from calotype.conditioning import CLIPTextConfig
from calotype.errors import UserError
from calotype.unet import UNetConfig

UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
CLIP = "cond_stage_model.transformer."
OPENCLIP = "cond_stage_model.model."
AVERAGE = "model_ema."
AVERAGED_UNET = f"{AVERAGE}diffusion_model"

# Names that some merging programs write instead.
ALIASES = (
    Alias(
        rf"{re.escape(CLIP)}((embeddings|encoder|final_layer_norm)\..*)", rf"{CLIP}text_model.\1"
    ),
    Alias(r"vae\.(.*)", rf"{AUTOENCODER}\1"),
)

# Tensors that are left out -> the reason; the first pattern that matches a name counts.
DROPPED: Mapping[str, str] = {
    r"model_ema\.(decay|num_updates)": "settings of the running average",
    r"model_ema\..*": "the running average of the weights, which ema takes instead",
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
    r"low_scale_model\..*": "the schedule of the small picture's noise, read as low_res_scheduler",
}


def unet_places(config: UNetConfig, names: list[str]) -> Places:
    """The places of the UNet's tensors."""
    return _under(UNET, unet.places(config, names))


def averaged_places(config: UNetConfig, names: list[str]) -> Places:
    """The places of the running averages of the UNet's tensors, named without dots."""
    found = unet_places(config, names)
    return {
        name: replace(place, name=AVERAGE + place.name.removeprefix("model.").replace(".", ""))
        for name, place in found.items()
    }


def autoencoder_places(config: AutoencoderConfig, names: list[str]) -> Places:
    """The places of the autoencoder's tensors."""
    return _under(AUTOENCODER, autoencoder.places(config, names))


def clip_places(config: object, names: list[str]) -> Places:
    """The places of the text encoder's tensors in SD 1, under their names in transformers."""
    return {name: Place(CLIP + name) for name in names}


def openclip_places(config: CLIPTextConfig, names: list[str]) -> Places:
    """The places of the text encoder's tensors in SD 2."""
    return _under(OPENCLIP, openclip.places(config, names))


PLACES: Mapping[str, Callable[[Any, list[str]], Places]] = {
    "unet": unet_places,
    "vae": autoencoder_places,
    "text_encoder": clip_places,
}
"""Network -> the function that gives the places of its tensors; the text encoder's as in SD 1."""


def places(network: str, config: Any, names: list[str], path: Path) -> Places:
    """The places of a network's tensors; raises UserError if this layout has none for it."""
    if network not in PLACES:
        raise UserError(f"{path}: a single file has no place for {network}; name a folder")
    return PLACES[network](config, names)


def why_dropped(name: str) -> str | None:
    """The reason why a tensor of the file is left out; None if it should not be."""
    found = (why for pattern, why in DROPPED.items() if re.fullmatch(pattern, name))
    return next(found, None)


def _under(prefix: str, places: Mapping[str, Any]) -> dict[str, Place]:
    return {name: replace(place, name=prefix + place.name) for name, place in places.items()}
