"""Files and folders written whole or not at all: safetensors, JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from calotype.errors import UserError


def write_safetensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name to a safetensors file, whole or not at all."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with write_atomically(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        try:
            # Other programs read the framework's name from the metadata.
            save_file(stored, temporary, {"format": "pt", **(metadata or {})})
            temporary.chmod(mode)  # the library makes it readable for the owner alone
        except (SafetensorError, RuntimeError) as error:  # the latter: tensors that share memory
            raise UserError(f"{path}: cannot be written: {str(error)[:200]}") from None


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises UserError if it is missing or is not a JSON object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(values).__name__}")
    return values


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to; it becomes ``path`` when the block is done.

    The bytes are on the disk before the name changes, so a crash leaves the old file or the new
    one. If the block raises, the old file stays; OSError becomes UserError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def write_folder_atomically(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder`` to write to; it becomes ``folder`` when the block is done.

    A folder already there is replaced if nothing in it would be lost: each of its entries must
    also be in the new one; else UserError. If the block raises, the old folder stays.
    """
    folder = folder.absolute()
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _put_in_place(temporary, folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder while writing to it.

    A folder that had been moved aside for its new version is moved back if that is missing.
    """
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        ours = re.fullmatch(r"\.(.+)\.\d+\.(tmp|old)", path.name)
        if not ours:
            continue
        if ours[2] == "old" and not path.with_name(ours[1]).exists():
            path.rename(path.with_name(ours[1]))
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _put_in_place(new: Path, folder: Path) -> None:
    if folder.exists():
        lost = sorted({p.name for p in folder.iterdir()} - {p.name for p in new.iterdir()})
        if lost:
            raise UserError(
                f"{folder}: already holds {lost[0]}; name a folder that is empty or new"
            )
        old = new.with_suffix(".old")
        os.replace(folder, old)
        os.replace(new, folder)
        shutil.rmtree(old)
    else:
        os.replace(new, folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    """Wait until what was written to a file or folder is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
