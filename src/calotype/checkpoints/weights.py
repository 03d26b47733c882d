"""The weight files of one network in a folder: one file, several with an index, or a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from calotype.checkpoints.files import read_json
from calotype.checkpoints.pickles import read_pickle
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.errors import NotWhole, UserError

PICKLES = {".bin", ".ckpt", ".pt", ".pth"}


def find_weights(folder: Path, file: str) -> Path:
    """The path of a network's weights, or of the index of several files.

    file: the usual name. Safetensors are preferred to pickles, and full to half precision. Raises
    UserError if there are none.
    """
    for name in weight_names(file):
        if (folder / name).exists():
            return folder / name
    raise UserError(f"{folder / file}: no such file")


def weight_names(file: str) -> Iterator[str]:
    """The possible names of a network's weights, the preferred first."""
    stem = file.removesuffix(".safetensors")
    # transformers has another name for its pickles.
    pickled = "pytorch_model" if stem == "model" else stem
    for variant in ("", ".fp16"):
        yield f"{stem}{variant}.safetensors"
        yield f"{stem}.safetensors.index{variant}.json"
    for variant in ("", ".fp16"):
        yield f"{pickled}{variant}.bin"
        yield f"{pickled}.bin.index{variant}.json"


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, or of the files that an index names, memory-mapped.

    Raises UserError if a file is missing, broken, unsafe or does not hold what the index says.
    """
    if path.suffix == ".json":
        return _read_sharded(path)
    if path.suffix in PICKLES:
        return tensors_in(read_pickle(path), path)
    return read_safetensors(path)


def tensors_in(found: object, path: Path) -> dict[str, Tensor]:
    """The tensors by name in the object of a pickle, or in its ``state_dict``."""
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict):
        raise NotWhole(f"{path}: expected tensors by name, found {type(found).__name__}")
    # Other values beside the tensors, such as a count of steps, are ignored.
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise NotWhole(f"{path}: expected tensors by name, found none")
    return tensors


def weight_files(path: Path) -> list[Path]:
    """The files that hold the tensors: ``path`` itself, or the files that an index names."""
    if path.suffix != ".json":
        return [path]
    return [path.with_name(name) for name in sorted(set(_index(path).values()))]


def _index(path: Path) -> dict[str, str]:
    """Tensor -> the file beside an index that holds it; raises UserError for any other place."""
    places = read_json(path).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise UserError(f'{path}: expected a "weight_map" of tensors and files')
    for file in set(map(str, places.values())):
        if Path(file).name != file or Path(file).suffix not in PICKLES | {".safetensors"}:
            raise UserError(f'{path}: "{file}" is not a file beside it')
    return {str(name): str(file) for name, file in places.items()}


def _read_sharded(index: Path) -> dict[str, Tensor]:
    """The tensors of the files that an index names; raises UserError unless each is in its file."""
    places = _index(index)
    found: dict[str, Tensor] = {}
    for file in weight_files(index):
        tensors = read_weights(file)
        wanted = {name for name, place in places.items() if place == file.name}
        if wanted != tensors.keys():
            name = min(wanted ^ tensors.keys())
            where = "is not in it" if name in wanted else "is in it, but not in the index"
            raise UserError(f'{file}: does not fit {index.name}: "{name}" {where}')
        found |= tensors
    return found
