"""What a file or folder holds, in words: known models in full, others as far as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from calotype.autoencoder import VQConfig
from calotype.checkpoints.autoencoder_files import ASSUMED, autoencoder_in, read_autoencoder
from calotype.checkpoints.component import Component, read_component
from calotype.checkpoints.detect_prediction import with_prediction_type
from calotype.checkpoints.hashes import sha256
from calotype.checkpoints.kinds import CLIP_TEXT
from calotype.checkpoints.layouts import compvis
from calotype.checkpoints.load import read_parts
from calotype.checkpoints.locate import find
from calotype.checkpoints.model_folder import INDEX
from calotype.checkpoints.parts import Parts, left_out
from calotype.checkpoints.single_file import SingleFile, open_single_file, single_file_parts
from calotype.checkpoints.weights import PICKLES, weight_files
from calotype.errors import UserError

Row = tuple[str, str]
"""A name and its value, in words."""


def describe(model: str | Path) -> Iterator[Row]:
    """The rows that describe a model, a network or a file, by a name, path or hub id.

    Raises UserError for what can't be read.
    """
    path = find(model)
    if path.is_dir():
        if (path / INDEX).exists():
            yield from _model(path, read_parts(model))
        elif (path / CLIP_TEXT.folder).is_dir():
            yield "family", "a text encoder with its tokenizer"
            yield (
                CLIP_TEXT.folder,
                _parameter_summary(read_component(CLIP_TEXT, path / CLIP_TEXT.folder).tensors),
            )
        else:
            yield from _autoencoder(path, read_autoencoder(path))
        return
    if path.suffix not in PICKLES | {".safetensors"}:
        raise UserError(
            f"{path}: expected a folder, or a file .safetensors, .ckpt, .pt, .pth or .bin"
        )
    single = open_single_file(path)
    if not single.whole:
        yield from _other(single)
        return
    try:
        parts = single_file_parts(single)
    except UserError as error:
        yield from _unknown(single, str(error).removeprefix(f"{path}: "))
    else:
        yield from _model(path, parts, single)


def _model(path: Path, parts: Parts, single: SingleFile | None = None) -> Iterator[Row]:
    yield "family", parts.family
    for component in parts.components.values():
        yield component.kind.folder, _parameter_summary(component.tensors)
    yield from _latents(parts.autoencoder)
    if parts.tokenizer is not None:
        yield "tokenizer", f"{len(parts.tokenizer):,} tokens, texts of {parts.tokenizer.max_length}"
    known = with_prediction_type(parts)
    yield "prediction", f"{known.scheduler.prediction_type} ({known.rule})"
    if (low := parts.low_res_scheduler) is not None:
        betas = f"{low.beta_schedule}, {low.beta_start:g} to {low.beta_end:g}"
        yield "low_res_scheduler", f"{betas}, noise levels 0 to {parts.max_noise_level}"
    if single:
        averaged = any(name.startswith(compvis.AVERAGED_UNET) for name in single.tensors)
        yield "running average", "yes (load it with ema)" if averaged else "no"
        if single.steps is not None:
            yield "global_step", f"{single.steps:,}"
    for why, names in left_out(parts.dropped):
        yield "left out", f"{names}: {why}"
    if single:
        yield from _hashes(path)
        return
    for component in parts.components.values():
        for file in weight_files(component.path):
            yield f"SHA-256 of {file.relative_to(path)}", sha256(file)


def _autoencoder(path: Path, component: Component[Any]) -> Iterator[Row]:
    yield "family", f"an autoencoder, {component.kind.published_class(component.config)}"
    yield component.kind.folder, _parameter_summary(component.tensors)
    yield from _latents(component)
    yield "scaling_factor", f"{component.config.scaling_factor:g} ({component.rule})"
    if component.rule == ASSUMED:
        yield "norm_num_groups", f"{component.config.norm_num_groups} ({ASSUMED})"
    for why, names in left_out(component.dropped):
        yield "left out", f"{names}: {why}"
    if path.is_file():
        yield from _hashes(path)


def _latents(component: Component[Any]) -> Iterator[Row]:
    config = component.config
    yield "latents", f"{config.diffused_channels} channels, 1/{config.factor} of the picture's side"
    if isinstance(config, VQConfig):
        yield "codebook", f"{config.num_vq_embeddings:,} vectors"


def _other(single: SingleFile) -> Iterator[Row]:
    """A file without a UNet: an autoencoder, or otherwise the names of its tensors."""
    try:
        component = autoencoder_in(single)
    except UserError as error:
        why = str(error).removeprefix(f"{single.path}: ")
        yield from _unknown(single, f"no whole model; {why}")
    else:
        yield from _autoencoder(single.path, component)


def _unknown(single: SingleFile, why: str) -> Iterator[Row]:
    yield "family", f"none that is known: {why}"
    yield "tensors", _parameter_summary(single.tensors)
    starts = Counter(name.split(".")[0] for name in single.tensors)
    for start, count in starts.most_common(12):
        first = next(n for n in single.tensors if n.split(".")[0] == start)
        shape = tuple(single.tensors[first].shape)
        yield f"{start}", f"{count} tensor{'s' * (count > 1)}, such as {first} {shape}"
    yield from _hashes(single.path)


def _parameter_summary(tensors: Mapping[str, Tensor]) -> str:
    """How many parameters there are, and of which types."""
    types = Counter[str]()
    for tensor in tensors.values():
        types[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    total = sum(types.values())
    return ", ".join([f"{total:,} parameters", *(kind for kind, _ in types.most_common())])


def _hashes(path: Path) -> Iterator[Row]:
    whole = sha256(path)
    yield "SHA-256", whole
    yield "model hash", f"{whole[:10]} (as A1111's web UI has it)"
