"""Prompts from a text file, one a line."""

from __future__ import annotations

from pathlib import Path

from calotype.errors import UserError
from calotype.generate.request import MAX_PROMPT_LENGTH


def read_prompts(path: Path) -> tuple[str, ...]:
    """The prompts in a file, without empty lines and lines that begin with #.

    Raises UserError for a file that can't be read, has no prompt, or has a prompt that is too long.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise UserError(f"--prompts-from = {path}: cannot be read: {why}") from None
    lines = (line.strip() for line in text.split("\n"))
    prompts = tuple(line for line in lines if line and not line.startswith("#"))
    if not prompts:
        raise UserError(f"--prompts-from = {path}: has no prompt")
    for number, prompt in enumerate(prompts, start=1):
        if len(prompt) > MAX_PROMPT_LENGTH:
            message = f"has {len(prompt):,} characters, at most {MAX_PROMPT_LENGTH:,} are allowed"
            raise UserError(f"--prompts-from = {path}: prompt {number} {message}")
    return prompts
