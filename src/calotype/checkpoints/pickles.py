"""Pickled checkpoints, read without running code: only tensors are built from them."""

from __future__ import annotations

import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch
from torch.serialization import safe_globals

from calotype.errors import NotWhole, UserError

LARGEST_PICKLE = 2**28  # bytes of the pickle itself; 2 MB in a whole Stable Diffusion


class _Ignored:
    """A placeholder for an object that is not needed; accepts any arguments and state."""

    def __init__(self, *args: object) -> None: ...
    def __setstate__(self, state: object) -> None: ...
    def __hash__(self) -> int:
        return id(self)


# The globals that a pickle may name: those of tensors, and those of objects that training programs
# save beside them.
_TENSORS = (
    "collections.OrderedDict",
    "torch.Size",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.nn.parameter.Parameter",  # torchvision's oldest files
    "builtins.set",
    "__builtin__.set",
    "_codecs.encode",  # how bytes are encoded
)
_TYPES = r"torch\.(\w+Storage|(b?float|u?int|complex)\d+|bool)"
_IGNORED = (
    "numpy.core.multiarray._reconstruct",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
)


def read_pickle(path: Path) -> Any:
    """The object in a .ckpt, .pt or .bin file, its tensors memory-mapped where the format allows.

    Objects that training programs save beside tensors become placeholders. Raises UserError if the
    file is missing or names anything else, and NotWhole if it is cut short, compressed or of
    another format.
    """
    try:
        with path.open("rb") as file:
            zipped = zipfile.is_zipfile(file)
            file.seek(0)
            for name in _named_in_zip(file, path) if zipped else _named(file):
                _require_harmless(name, path)
        with safe_globals([(_Ignored, name) for name in _IGNORED]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnpicklingError as error:
        if "Unsupported operand" in str(error):
            raise NotWhole(f"{path}: not whole: {_reason(error)}") from None
        raise UserError(f"{path}: refused: {_reason(error)}") from None
    except (
        RuntimeError,
        ValueError,
        LookupError,
        EOFError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        MemoryError,
        OverflowError,
        AssertionError,
    ) as error:
        if isinstance(error, UserError):
            raise
        raise NotWhole(f"{path}: not whole: {_reason(error)}") from None


def _named_in_zip(file: BinaryIO, path: Path) -> Iterator[str]:
    """The globals named by the pickle in a zip; raises NotWhole if an entry is compressed."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise NotWhole(
                    f"{path}: not whole: {entry.filename} is compressed, which torch never does"
                )
            if entry.filename.endswith("data.pkl"):
                if entry.file_size > LARGEST_PICKLE:
                    raise UserError(f"{path}: refused: a pickle of {entry.file_size:,} bytes")
                with archive.open(entry) as inside:
                    yield from _globals(inside)


def _named(file: BinaryIO) -> Iterator[str]:
    """The globals named by the pickles of the older format, which come before its tensors."""
    for _ in range(5):  # magic number, protocol, system, the object, the storages' keys
        yield from _globals(file)


def _globals(file: Any) -> Iterator[str]:
    """The globals named by one pickle, as dotted names."""
    strings: list[object] = []
    for code, argument, _ in pickletools.genops(file):
        if code.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif code.name == "STACK_GLOBAL":
            # Its two strings come right before it; a name built in any other way is not allowed.
            yield ".".join(str(word) for word in strings[-2:])
        if "PUT" not in code.name and code.name != "MEMOIZE":
            strings = [*strings[-1:], argument if "UNICODE" in code.name else None]


def _require_harmless(name: str, path: Path) -> None:
    if not (re.fullmatch(_TYPES, name) or name in _TENSORS or name in _IGNORED):
        raise UserError(
            f"{path}: refused: it names {name}, which tensors don't need and which could run code; "
            "ask for a .safetensors file"
        )


def _reason(error: Exception) -> str:
    """The reason in an error of torch, without its advice to load the file unsafely."""
    reason = str(error).strip().split("WeightsUnpickler error:")[-1].strip()
    return reason.partition("\n")[0][:200] or type(error).__name__
