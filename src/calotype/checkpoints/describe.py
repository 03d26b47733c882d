"""What a file or folder holds, in words: known models in full, others as far as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from calotype.autoencoder import VQConfig
from calotype.checkpoints.component import CLIP_TEXT, Component, read_component
from calotype.checkpoints.first_stage import ASSUMED, autoencoder_in, read_autoencoder
from calotype.checkpoints.hashes import sha256
from calotype.checkpoints.layouts import compvis
from calotype.checkpoints.load import find, read_parts, with_prediction_type
from calotype.checkpoints.parts import Parts, left_out
from calotype.checkpoints.single_file import SingleFile, open_single_file, single_file_parts
from calotype.checkpoints.weights import PICKLES, weight_files
from calotype.errors import UserError

Row = tuple[str, str]
"""What is told, and what it is."""


def describe(model: str | Path) -> Iterator[Row]:
    """The rows of what is at a model's name or path. Raises UserError for what can't be read."""
    path = find(model)
    if path.is_dir():
        if (path / "model_index.json").exists():
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
    for component in parts.networks:
        yield component.kind.folder, _parameter_summary(component.tensors)
    yield from _latents(parts.autoencoder)
    yield "tokenizer", f"{len(parts.tokenizer):,} tokens, texts of {parts.tokenizer.max_length}"
    known = with_prediction_type(parts)
    yield "prediction", f"{known.scheduler.prediction_type} ({known.rule})"
    if single:
        averaged = any(name.startswith(compvis.AVERAGED_UNET) for name in single.tensors)
        yield "running average", "yes: --ema takes it" if averaged else "no"
        if single.steps is not None:
            yield "global_step", f"{single.steps:,}"
    for why, names in left_out(parts.dropped):
        yield "left out", f"{names}: {why}"
    if single:
        yield from _hashes(path)
        return
    for component in parts.networks:
        for file in weight_files(component.path):
            yield f"SHA-256 of {file.relative_to(path)}", sha256(file)


def _autoencoder(path: Path, component: Component) -> Iterator[Row]:
    yield "family", f"an autoencoder, {component.kind.published[1]}"
    yield component.kind.folder, _parameter_summary(component.tensors)
    yield from _latents(component)
    yield "scaling_factor", f"{component.config.scaling_factor:g} ({component.rule})"
    if component.rule == ASSUMED:
        yield "norm_num_groups", f"{component.config.norm_num_groups} ({ASSUMED})"
    for why, names in left_out(component.dropped):
        yield "left out", f"{names}: {why}"
    if path.is_file():
        yield from _hashes(path)


def _latents(component: Component) -> Iterator[Row]:
    config = component.config
    yield "latents", f"{config.diffused_channels} channels, 1/{config.factor} of the picture's side"
    if isinstance(config, VQConfig):
        yield "codebook", f"{config.num_vq_embeddings:,} vectors"


def _other(single: SingleFile) -> Iterator[Row]:
    """A file without a UNet: an autoencoder, or names and numbers."""
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
    """How many numbers, of which types."""
    types = Counter[str]()
    for tensor in tensors.values():
        types[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    total = sum(types.values())
    return ", ".join([f"{total:,} parameters", *(kind for kind, _ in types.most_common())])


def _hashes(path: Path) -> Iterator[Row]:
    whole = sha256(path)
    yield "SHA-256", whole
    yield "model hash", f"{whole[:10]} (as A1111's web UI has it)"
