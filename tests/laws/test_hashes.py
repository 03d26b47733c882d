"""Laws of the hashes by which models are known."""

import hashlib
import os
from pathlib import Path

from calotype.checkpoints import hashes


def test_one_file_is_known_as_in_the_web_ui(tmp_path: Path):
    """Ten digits of its SHA-256; of several files, of their digests in order."""
    files = [tmp_path / name for name in ("a", "b")]
    for file in files:
        file.write_bytes(file.name.encode() * 1000)
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert hashes.model_hash(files[:1]) == digests[0][:10]
    assert hashes.model_hash(files) == hashlib.sha256("".join(digests).encode()).hexdigest()[:10]
    assert hashes.model_hash(files) != hashes.model_hash(files[::-1])
    assert hashes.model_hash([]) == ""


def test_a_large_file_is_read_once(tmp_path: Path, monkeypatch):
    """As long as size and time stay the same; a broken memory is as good as none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "QUICK", 10)
    read: list[Path] = []
    whole = hashes.sha256
    monkeypatch.setattr(hashes, "sha256", lambda path: (read.append(path), whole(path))[1])
    file = tmp_path / "large"
    file.write_bytes(bytes(100))
    first = hashes.model_hash([file])
    assert hashes.model_hash([file]) == first
    assert len(read) == 1
    file.write_bytes(b"x" * 100)
    os.utime(file, ns=(1, 1))
    assert hashes.model_hash([file]) != first
    assert len(read) == 2
    (kept,) = (tmp_path / "cache").rglob("*.json")
    for broken in ("", "[]", '"x"', '{"a": 1}', f'{{"{file.resolve()}": [100, 1]}}'):
        kept.write_text(broken)
        assert hashes.model_hash([file]) == hashlib.sha256(b"x" * 100).hexdigest()[:10]


def test_what_cannot_be_kept_or_read_stops_nothing(tmp_path: Path, monkeypatch):
    """A memory that can't be written is read again; a file that has gone has no hash."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "QUICK", 10)
    (tmp_path / "cache" / "calotype" / "hashes.json").mkdir(parents=True)
    file = tmp_path / "large"
    file.write_bytes(bytes(100))
    assert hashes.model_hash([file]) == hashes.sha256(file)[:10]
    assert hashes.model_hash([tmp_path / "gone"]) == ""
