"""Prompts from a text file, one a line."""

from __future__ import annotations

from pathlib import Path

from calotype.errors import UserError


def listed(path: Path) -> tuple[str, ...]:
    """The prompts in a file; UserError if it holds none.

    Empty lines and those that begin with # are no prompts.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UserError(f"--prompts-from = {path}: cannot be read: {why}") from None
    lines = (line.strip() for line in text.split("\n"))
    prompts = tuple(line for line in lines if line and not line.startswith("#"))
    if not prompts:
        raise UserError(f"--prompts-from = {path}: holds no prompt")
    return prompts
