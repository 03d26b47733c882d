"""An autoencoder in a folder, in a file of its own, or in a whole model's <-> Component."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.aliases import under_present_names
from calotype.checkpoints.component import Component, config_of, read_any, write_component
from calotype.checkpoints.files import write_folder_atomically, write_safetensors
from calotype.checkpoints.fit import require_fit, shapes
from calotype.checkpoints.infer_config import infer_config, same_shapes
from calotype.checkpoints.keymap import gather, scatter, shapes_there
from calotype.checkpoints.kinds import AUTOENCODER_KL, CLIP_TEXT, UNET, kind_named, kind_of
from calotype.checkpoints.layouts import autoencoder, compvis
from calotype.checkpoints.model_folder import INDEX, UNCONDITIONAL_AUTOENCODER
from calotype.checkpoints.single_file import SingleFile, open_single_file, with_scale
from calotype.checkpoints.single_file_header import write_header
from calotype.errors import UserError
from calotype.presets.families import FAMILIES

FOLDERS = (AUTOENCODER_KL.folder, UNCONDITIONAL_AUTOENCODER)
"""Where a model's folder keeps its autoencoder."""
DECODER = ("decoder.", "post_quant_conv.")
ASSUMED = "assumed: not inferable from tensors"


def read_autoencoder(path: Path, own: Component[Any] | None = None) -> Component[Any]:
    """The autoencoder in a folder with config.json or in a model's folder, or in a file.

    own: the model's, which completes a file that holds nothing but a fine-tuned decoder. Raises
    UserError for what is missing, broken or of no known form.
    """
    if path.is_dir():
        inside = (path / name for name in FOLDERS)
        found = next((folder for folder in inside if folder.is_dir()), path)
        return read_any(AUTOENCODER_KL.folder, found)
    return autoencoder_in(open_single_file(path), own)


def autoencoder_alone(path: Path) -> Component[Any] | None:
    """The autoencoder in a folder or file that holds nothing else; None if it holds more."""
    if path.is_dir():
        inside = {place.name for place in path.iterdir()}
        more = inside & {INDEX, UNET.folder, CLIP_TEXT.folder}
        found = inside & {"config.json", *FOLDERS}
        return read_autoencoder(path) if found and not more else None
    single = open_single_file(path)
    return None if single.whole else autoencoder_in(single)


def autoencoder_in(single: SingleFile, own: Component[Any] | None = None) -> Component[Any]:
    """The autoencoder in an open file: see ``read_autoencoder``."""
    tensors, dropped = _without_prefix(single)
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


def _without_prefix(single: SingleFile) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The autoencoder's tensors without a whole model's prefix; what is dropped -> the reason."""
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
    single: SingleFile, tensors: Mapping[str, Tensor], own: Component[Any] | None
) -> tuple[AutoencoderConfig, str]:
    """The config of a file's autoencoder, and the source of the fields not in tensors."""
    if single.header:
        where, name = f"{single.path}, in its header", AUTOENCODER_KL.folder
        values = single.header[name]
        return config_of(kind_named(name, values, where), values, where), "the header"
    try:
        inferred = infer_config(tensors)
    except UserError as error:
        raise UserError(f"{single.path}: {error}") from None
    known = [
        (family.autoencoder, f"{family.name}'s, which has the same shapes") for family in FAMILIES
    ]
    if own is not None:
        known.insert(0, (own.config, "the model's, which has the same shapes"))
    matching = ((config, rule) for config, rule in known if same_shapes(config, inferred))
    config, rule = next(matching, (inferred, ASSUMED))
    if "scale_factor" in single.tensors:
        return with_scale(config, single.tensors, single.path), "scale_factor of the file"
    return config, rule


def write_autoencoder(
    component: Component[Any], out: Path, dtype: torch.dtype | None = None
) -> None:
    """Write an autoencoder alone, whole or not at all: a file .safetensors, or otherwise a folder.

    The file has CompVis' names without a prefix, as its programs write autoencoders, and its config
    in the header. dtype: the type of the weights; None keeps each tensor's own.
    """
    if out.suffix != ".safetensors":
        with write_folder_atomically(out) as temporary:
            write_component(component, temporary, dtype)
        return
    places = autoencoder.places(component.config, [*component.tensors])
    tensors = {n: t.to(dtype=dtype) for n, t in scatter(places, component.tensors).items()}
    write_safetensors(
        out, tensors, write_header({component.kind.folder: component.config.to_json()})
    )
