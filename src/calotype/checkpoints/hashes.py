"""SHA-256 of weight files, by which programs identify models, cached for large files."""

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
QUICK = 2**26  # bytes; smaller files are not cached: reading one takes a tenth of a second


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def model_hash(files: Sequence[Path]) -> str:
    """The hash of the model in these files: the first ten hex digits of its file's SHA-256.

    As in AUTOMATIC1111's web UI; for several files, of the SHA-256 of their SHA-256 in hex, joined.
    "" for no files, and for files that no longer exist.
    """
    try:
        digests = [_cached_sha256(path) for path in files]
    except OSError:
        return ""
    if len(digests) > 1:
        digests = [hashlib.sha256("".join(digests).encode()).hexdigest()]
    return digests[0][:10] if digests else ""


def _cached_sha256(path: Path) -> str:
    """The SHA-256 of a file, cached for a large file until its size or time changes."""
    seen = path.stat()
    if seen.st_size < QUICK:
        return sha256(path)
    known, key, mark = _read_cache(), str(path.resolve()), [seen.st_size, seen.st_mtime_ns]
    match known.get(key):
        case [size, time, str(found)] if [size, time] == mark:
            return found
    found = sha256(path)
    # If the cache cannot be written, the file is read again next time.
    with suppress(OSError, RuntimeError, UserError):
        _cache_file().parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(_cache_file()) as temporary:
            temporary.write_text(json.dumps({**known, key: [*mark, found]}))
    return found


def _read_cache() -> dict[str, Any]:
    with suppress(OSError, RuntimeError, ValueError):
        known = json.loads(_cache_file().read_text())
        return known if isinstance(known, dict) else {}
    return {}


def _cache_file() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "calotype" / "hashes.json"
