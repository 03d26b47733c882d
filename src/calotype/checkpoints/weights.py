"""The tensors of one network in a folder: in one file, in several by an index, or in a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from calotype.checkpoints.files import read_json, read_safetensors
from calotype.checkpoints.pickles import read_pickle
from calotype.errors import NotWhole, UserError

PICKLES = {".bin", ".ckpt", ".pt", ".pth"}


def find_weights(folder: Path, file: str) -> Path:
    """The weights of a folder whose file is usually called ``file``, or the index of its parts.

    Full precision comes before half, safetensors before pickles. UserError if there is none.
    """
    for name in _names(file):
        if (folder / name).exists():
            return folder / name
    raise UserError(f"{folder / file}: no such file")


def _names(file: str) -> Iterator[str]:
    stem = file.removesuffix(".safetensors")
    # transformers calls its own pickles otherwise.
    pickled = "pytorch_model" if stem == "model" else stem
    for variant in ("", ".fp16"):
        yield f"{stem}{variant}.safetensors"
        yield f"{stem}.safetensors.index{variant}.json"
    for variant in ("", ".fp16"):
        yield f"{pickled}{variant}.bin"
        yield f"{pickled}.bin.index{variant}.json"


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, or of the parts that an index names, memory-mapped.

    Raises UserError if a file is missing, broken, unsafe or not what the index says.
    """
    if path.suffix == ".json":
        return _read_parts(path)
    if path.suffix in PICKLES:
        return tensors_in(read_pickle(path), path)
    return read_safetensors(path)


def tensors_in(found: object, path: Path) -> dict[str, Tensor]:
    """The tensors by name of what a pickle holds, or of its ``state_dict``."""
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict):
        raise NotWhole(f"{path}: expected tensors by name, found {type(found).__name__}")
    # Numbers beside the weights, as a count of steps, are no weights.
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise NotWhole(f"{path}: expected tensors by name, found none")
    return tensors


def _read_parts(index: Path) -> dict[str, Tensor]:
    """The tensors that an index spreads over files beside it, each where it says."""
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise UserError(f'{index}: expected a "weight_map" of tensors and files')
    found: dict[str, Tensor] = {}
    for part in sorted({str(name) for name in places.values()}):
        if Path(part).name != part or Path(part).suffix not in PICKLES | {".safetensors"}:
            raise UserError(f'{index}: "{part}" is no file beside it')
        tensors = read_weights(index.with_name(part))
        wanted = {name for name, place in places.items() if place == part}
        if wanted != tensors.keys():
            name = min(wanted ^ tensors.keys())
            where = "is not in it" if name in wanted else "is in it, but not in the index"
            raise UserError(f'{index.with_name(part)}: does not fit {index.name}: "{name}" {where}')
        found |= tensors
    return found
