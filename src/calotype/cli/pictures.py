"""From a request to picture files, with what a person wants to hear on the way."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL.Image import Image

from calotype.cli.folder import save, save_sheet
from calotype.cli.progress import show_progress
from calotype.cli.shared import OutputOptions
from calotype.conditioning.grammar import plain_words
from calotype.errors import UserError
from calotype.generate.request import Request, Sweep
from calotype.generate.run import events
from calotype.generate.sheets import contact_sheet, sweep_sheet
from calotype.model import LatentDiffusion

SHEET_PIXELS = 2**28  # of a sheet at most; the pictures on a larger one are made smaller


def make(request: Request, model: LatentDiffusion, how: OutputOptions, grid: bool) -> None:
    """Make the pictures of a request: paths on stdout; progress, notes and times on stderr."""
    count = len(request)
    columns = request.images if len(request.prompts) > 1 else math.ceil(count**0.5)
    order = range(count)
    _make(
        request,
        request.prompts,
        model,
        how,
        (lambda made: contact_sheet([made[k] for k in order], columns)) if grid else None,
    )


def make_sweep(request: Sweep, model: LatentDiffusion, how: OutputOptions) -> None:
    """Make the pictures of a sweep, and the sheet that shows them."""
    prompts = request.over.get("prompt", request.base.prompts)
    _make(request, prompts, model, how, lambda made: sweep_sheet(request, made))


def _make(
    request: Request | Sweep,
    prompts: tuple[str, ...],
    model: LatentDiffusion,
    how: OutputOptions,
    on_a_sheet: Callable[[Mapping[int, Image]], Image] | None,
) -> None:
    if unknown := _unknown_words(model, request, prompts):
        print(f"note: {model.name} never saw the words: {', '.join(unknown)}", file=sys.stderr)
    began = time.perf_counter()
    made, paths = _run(model, request, how, keep=on_a_sheet is not None)
    seconds = time.perf_counter() - began
    if on_a_sheet:
        print(save_sheet(on_a_sheet(made), paths))
    count = "1 picture" if len(paths) == 1 else f"{len(paths)} pictures"
    print(f"{count} in {seconds:.1f} s ({seconds / len(paths):.2f} s each)", file=sys.stderr)


def _run(
    model: LatentDiffusion, request: Request | Sweep, how: OutputOptions, keep: bool
) -> tuple[dict[int, Image], list[Path]]:
    """The files of the pictures, and the pictures where they are to be kept in memory.

    Files already made stay if the work is stopped.
    """
    made: dict[int, Image] = {}
    paths: list[Path] = []
    side = math.isqrt(SHEET_PIXELS // len(request))
    try:
        with within_memory():
            for picture in show_progress(
                events(model, request, batch_size=how.batch_size, deterministic=how.deterministic)
            ):
                paths.append(save(picture, how.out, how.format))
                if keep:
                    picture.image.thumbnail((side, side))
                    made[picture.index] = picture.image
    finally:
        for path in paths:
            print(path)
    return made, paths


@contextmanager
def within_memory() -> Iterator[None]:
    """What to do about it, where there is not enough."""
    try:
        yield
    except RuntimeError as error:
        # On a CPU it is a RuntimeError like any other.
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate" not in str(error):
            raise
        raise UserError(
            "out of memory: take a smaller --batch-size, --width or --height, or --dtype fp16"
        ) from None


def _unknown_words(
    model: LatentDiffusion, request: Request | Sweep, prompts: tuple[str, ...]
) -> list[str]:
    """The words of the prompts that the model never saw, as far as its tokenizer can tell."""
    if model.conditioner.text is None:
        return []
    first = request.base if isinstance(request, Sweep) else request
    steps, literal = first.sampling.steps, first.weighting == "none"
    texts = (text for prompt in prompts for text in plain_words(prompt, steps, literal))
    read = (model.text.tokenizer.unknown_words(text) for text in texts)
    return list(dict.fromkeys(word for plain_words in read for word in plain_words))
