"""An autoencoder from anywhere: a folder, a file of its own, or a whole model's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from calotype.checkpoints.aliases import Alias
from calotype.checkpoints.component import (
    AUTOENCODER_KL,
    Component,
    read_component,
    require_fit,
    shapes,
    under_present_names,
)
from calotype.checkpoints.keymap import gather, shapes_there
from calotype.checkpoints.layouts import autoencoder, compvis
from calotype.checkpoints.single import Single, open_single, single_parts
from calotype.errors import UserError
from calotype.presets.families import FAMILIES

DECODER = ("decoder.", "post_quant_conv.")


def read_autoencoder(path: Path, own: Component | None = None) -> Component:
    """The autoencoder in a folder with config.json or in its ``vae`` folder, or in a file.

    own: the model's, whose encoder a file with nothing but a fine-tuned decoder goes with. Raises
    UserError for what is missing, broken or of no known form.
    """
    if path.is_dir():
        inside = path / AUTOENCODER_KL.folder
        return read_component(AUTOENCODER_KL, inside if inside.is_dir() else path)
    return autoencoder_in(open_single(path), own)


def autoencoder_in(single: Single, own: Component | None = None) -> Component:
    """The autoencoder in an open file: see ``read_autoencoder``."""
    if any(name.startswith(compvis.UNET) for name in single.tensors):
        return single_parts(single).autoencoder
    return _alone(single, own)


def _alone(single: Single, own: Component | None) -> Component:
    """The autoencoder in a file of its own, with or without the prefix of a whole model's."""
    start = compvis.AUTOENCODER
    prefixed = under_present_names(single.tensors, compvis.ALIASES, single.path)
    bare = under_present_names(prefixed, (Alias(rf"{start}(.*)", r"\1"),), single.path)
    dropped = {name: why for name in bare if (why := compvis.why_dropped(start + name))}
    tensors = {name: tensor for name, tensor in bare.items() if name not in dropped}
    config = own.config if own else _config(tensors, single.path)
    ours = shapes(AUTOENCODER_KL, config)
    kept: Mapping[str, Tensor] = {}
    if own and all(name.startswith(DECODER) for name in tensors):
        ours = {name: shape for name, shape in ours.items() if name.startswith(DECODER)}
        kept = own.tensors
    what = f"{single.path} does not fit the autoencoder"
    if "decoder.up_blocks.0.resnets.0.norm1.weight" in tensors:  # the published folders' names
        found = under_present_names(tensors, AUTOENCODER_KL.aliases, single.path)
        require_fit(found, ours, what)
    else:
        places = autoencoder.places(config, [*ours])
        require_fit(tensors, shapes_there(places, ours), what)
        found = gather(places, tensors)
    return Component(AUTOENCODER_KL, config, {**kept, **found}, single.path, dropped)


def _config(tensors: Mapping[str, Tensor], path: Path) -> Any:
    """The config of the published autoencoder with this file's number of levels."""
    levels = {
        name.split(".")[2]
        for name in tensors
        if name.startswith(("decoder.up.", "decoder.up_blocks."))
    }
    for family in FAMILIES:
        if len(family.autoencoder.block_out_channels) == len(levels):
            return family.autoencoder
    found = min(tensors, default="nothing")
    raise UserError(f"{path}: holds no autoencoder of a known form, but {found}")
