"""An autoencoder from anywhere: a folder, a file of its own, or a whole model's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.component import (
    AUTOENCODER_KL,
    CLIP_TEXT,
    UNET,
    Component,
    config_of,
    first_stage_kind,
    kind_of,
    read_first_stage,
    require_fit,
    shapes,
    under_present_names,
)
from calotype.checkpoints.infer_config import infer_config, same_shapes
from calotype.checkpoints.keymap import gather, shapes_there
from calotype.checkpoints.layouts import autoencoder, compvis
from calotype.checkpoints.single_file import SingleFile, open_single_file, with_scale
from calotype.errors import UserError
from calotype.presets.families import FAMILIES

DECODER = ("decoder.", "post_quant_conv.")
ASSUMED = "assumed: no tensor tells it"


def read_autoencoder(path: Path, own: Component | None = None) -> Component:
    """The autoencoder in a folder with config.json or in its ``vae`` folder, or in a file.

    own: the model's, whose encoder a file with nothing but a fine-tuned decoder goes with. Raises
    UserError for what is missing, broken or of no known form.
    """
    if path.is_dir():
        inside = path / AUTOENCODER_KL.folder
        return read_first_stage(inside if inside.is_dir() else path)
    return autoencoder_in(open_single_file(path), own)


def autoencoder_alone(path: Path) -> Component | None:
    """The autoencoder in a folder or file that holds nothing else; None where more is expected."""
    if path.is_dir():
        inside = {place.name for place in path.iterdir()}
        more = inside & {"model_index.json", UNET.folder, CLIP_TEXT.folder}
        found = inside & {"config.json", AUTOENCODER_KL.folder}
        return read_autoencoder(path) if found and not more else None
    single = open_single_file(path)
    return None if single.whole else autoencoder_in(single)


def autoencoder_in(single: SingleFile, own: Component | None = None) -> Component:
    """The autoencoder in an open file: see ``read_autoencoder``."""
    tensors, dropped = _bare(single)
    of_decoder = own if tensors and all(name.startswith(DECODER) for name in tensors) else None
    if of_decoder:
        config, rule = of_decoder.config, of_decoder.rule
    else:
        config, rule = _config(single, tensors, own)
    kind = kind_of(config)
    wanted = shapes(kind, config)
    kept: Mapping[str, Tensor] = {}
    if of_decoder:
        wanted = {name: shape for name, shape in wanted.items() if name.startswith(DECODER)}
        kept = of_decoder.tensors
    what = f"{single.path} does not fit the autoencoder"
    if "decoder.up_blocks.0.resnets.0.norm1.weight" in tensors:  # the published folders' names
        found = under_present_names(tensors, kind.aliases, single.path)
        require_fit(found, wanted, what)
    else:
        places = autoencoder.places(config, [*wanted])
        require_fit(tensors, shapes_there(places, wanted), what)
        found = gather(places, tensors)
    return Component(kind, config, {**kept, **found}, single.path, dropped, rule)


def _bare(single: SingleFile) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The autoencoder's tensors without the prefix that a whole model's have; what is left out."""
    start = compvis.AUTOENCODER
    named = under_present_names(single.tensors, compvis.ALIASES, single.path)
    prefix = "" if any(name.startswith(start) for name in named) else start
    tensors: dict[str, Tensor] = {}
    dropped: dict[str, str] = {}
    for name, tensor in named.items():
        full = prefix + name
        if why := compvis.why_dropped(full):
            dropped[name] = why
        elif full.startswith(start):
            tensors[full.removeprefix(start)] = tensor
        else:
            dropped[name] = "no part of the autoencoder"
    return tensors, dropped


def _config(
    single: SingleFile, tensors: Mapping[str, Tensor], own: Component | None
) -> tuple[AutoencoderConfig, str]:
    """The config of a file's autoencoder, and what tells the fields that no tensor tells."""
    if single.configs:
        where, values = f"{single.path}, in its header", single.configs[AUTOENCODER_KL.folder]
        return config_of(first_stage_kind(values, where), values, where), "the header"
    try:
        form = infer_config(tensors)
    except UserError as error:
        raise UserError(f"{single.path}: {error}") from None
    known = [(family.autoencoder, f"{family.name}'s, whose form it has") for family in FAMILIES]
    if own is not None:
        known.insert(0, (own.config, "the model's, whose form it has"))
    matching = ((config, rule) for config, rule in known if same_shapes(config, form))
    config, rule = next(matching, (form, ASSUMED))
    if "scale_factor" in single.tensors:
        return with_scale(config, single.tensors, single.path), "scale_factor of the file"
    return config, rule
