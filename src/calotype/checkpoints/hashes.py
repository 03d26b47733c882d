"""SHA-256 of weights' files, by which programs know models; those of large files are remembered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from calotype.checkpoints.files import write_atomically

BLOCK = 2**20
QUICK = 2**26  # bytes that are read again each time: a tenth of a second


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def hash_of(files: Sequence[Path]) -> str:
    """What a model in these files is known by: ten digits of the SHA-256 of its file.

    As AUTOMATIC1111's web UI has it; of several files, of their SHA-256 in hex, one after the
    other. "" of none.
    """
    digests = [_remembered(path) for path in files]
    if len(digests) > 1:
        digests = [hashlib.sha256("".join(digests).encode()).hexdigest()]
    return digests[0][:10] if digests else ""


def _remembered(path: Path) -> str:
    """The SHA-256 of a file; of a large one read once, as long as size and time stay the same."""
    seen = path.stat()
    if seen.st_size < QUICK:
        return sha256(path)
    kept, key = _memory(), str(path.resolve())
    mark = [seen.st_size, seen.st_mtime_ns]
    known = {}
    with suppress(OSError, ValueError):
        known = json.loads(kept.read_text())
    known = known if isinstance(known, dict) else {}
    match known.get(key):
        case [size, time, str(found)] if [size, time] == mark:
            return found
    found = sha256(path)
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(kept) as temporary:
            temporary.write_text(json.dumps({**known, key: [*mark, found]}))
    return found


def _memory() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "calotype" / "hashes.json"
