"""SHA-256 of weights' files, by which programs know models; those of large files are remembered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from calotype.checkpoints.files import write_atomically
from calotype.errors import UserError

BLOCK = 2**20
QUICK = 2**26  # bytes that are read again each time: a tenth of a second


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def model_hash(files: Sequence[Path]) -> str:
    """What a model in these files is known by: ten digits of the SHA-256 of its file.

    As AUTOMATIC1111's web UI has it; of several files, of their SHA-256 in hex, one after the
    other. "" of none, and of files that are no longer there.
    """
    try:
        digests = [_remembered(path) for path in files]
    except OSError:
        return ""
    if len(digests) > 1:
        digests = [hashlib.sha256("".join(digests).encode()).hexdigest()]
    return digests[0][:10] if digests else ""


def _remembered(path: Path) -> str:
    """The SHA-256 of a file; of a large one read once, as long as size and time stay the same."""
    seen = path.stat()
    if seen.st_size < QUICK:
        return sha256(path)
    known, key, mark = _memory(), str(path.resolve()), [seen.st_size, seen.st_mtime_ns]
    match known.get(key):
        case [size, time, str(found)] if [size, time] == mark:
            return found
    found = sha256(path)
    # What can't be kept is read again the next time.
    with suppress(OSError, RuntimeError, UserError):
        _place().parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(_place()) as temporary:
            temporary.write_text(json.dumps({**known, key: [*mark, found]}))
    return found


def _memory() -> dict[str, Any]:
    with suppress(OSError, RuntimeError, ValueError):
        known = json.loads(_place().read_text())
        return known if isinstance(known, dict) else {}
    return {}


def _place() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "calotype" / "hashes.json"
