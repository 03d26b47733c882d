"""Journal: the figures of a run after each step, one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path

from calotype.checkpoints.files import write_atomically
from calotype.errors import UserError


class Journal:
    """``journal.jsonl`` holds what the seed determines: samples seen, losses, norms.

    A resumed run first cuts the lines after its checkpoint, so that the file of a broken run equals
    that of an unbroken one. Wall times, which never repeat, go to ``timings.jsonl``.
    """

    def __init__(self, folder: Path, samples_seen: int):
        self.path, self.timings = folder / "journal.jsonl", folder / "timings.jsonl"
        lines = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        try:
            kept = [
                line for line in lines if line.endswith("\n") and _samples(line) <= samples_seen
            ]
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self.path}: holds a line that is no journal's; remove it") from None
        with write_atomically(self.path) as temporary:
            temporary.write_text("".join(kept))

    def write(self, samples: int, **metrics: float) -> None:
        """One line of figures after ``samples``."""
        self._append(self.path, {"samples": samples, **metrics})

    def write_timing(self, samples: int, **figures: float | str) -> None:
        """One line of wall time and rates after ``samples``."""
        self._append(self.timings, {"samples": samples, **figures})

    def _append(self, path: Path, line: dict[str, float | str]) -> None:
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def positions(folder: Path) -> list[int]:
    """The samples seen after each step of a run."""
    path = folder / "journal.jsonl"
    try:
        lines = path.read_text().splitlines(keepends=True)
        return [_samples(line) for line in lines if line.endswith("\n")]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: can't be read as the journal of a run") from None


def _samples(line: str) -> int:
    return int(json.loads(line)["samples"])
