"""``calotype generate``."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from calotype.cli.options import from_options, with_options
from calotype.cli.prompts import read_prompts
from calotype.cli.shared import Loading, ModelName, OutputOptions
from calotype.errors import UserError
from calotype.generate.request import Request


@with_options(Request, leave_out=["prompt"], drawn=["seed"])
def generate(
    *prompts: str,
    given: dict[str, Any],
    model: ModelName = "scenes",
    loading: Loading = Loading(),
    how: OutputOptions = OutputOptions(),
    grid: bool = False,
    prompts_from: Path | None = None,
) -> None:
    """Make pictures from words: files that hold their own request.

    Prints their paths. Picture k of a request with seed S has seed S + k; without ``--seed`` the
    seed is drawn at random, and stands in the file's name.

    Parameters
    ----------
    prompts: str
        What the pictures show, each in quotes.
    grid: bool
        Also write all pictures on one contact sheet.
    prompts_from: Path
        A text file with further prompts, one a line; empty lines and those that begin with # are
        left out.
    """
    given.setdefault("sampling", {}).setdefault("seed", secrets.randbelow(2**32))
    if prompts_from is not None:
        prompts += read_prompts(prompts_from)
    if not prompts:
        raise UserError("no prompt: say in quotes what the picture shows, or name a --prompts-from")
    request = from_options(Request, {**given, "prompt": prompts})
    # torch, only once the request is known to be good
    from calotype.cli.folder import check_writable
    from calotype.cli.pictures import make

    check_writable(how.out)  # before the work, not after it
    make(request, loading.load(model), how, grid)
