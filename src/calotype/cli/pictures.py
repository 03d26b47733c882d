"""From a request to picture files, with what a person wants to hear on the way."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import torch
from PIL.Image import Image

from calotype.cli.folder import save, save_grid
from calotype.cli.progress import watched
from calotype.conditioning.grammar import words
from calotype.errors import UserError
from calotype.generate.request import TextToImage
from calotype.generate.run import events
from calotype.model import LatentDiffusion


def make(
    request: TextToImage,
    model: LatentDiffusion,
    batch_size: int | None,
    out: Path,
    grid: bool,
) -> None:
    """Make the pictures of a request: paths on stdout; progress, notes and times on stderr."""
    if words := _unknown_words(model, request):
        print(f"note: {model.name} never saw the words: {', '.join(words)}", file=sys.stderr)
    began = time.perf_counter()
    images, paths = _run(model, request, batch_size, out, grid)
    seconds = time.perf_counter() - began
    if grid:
        columns = request.images if len(request.prompts) > 1 else math.ceil(len(paths) ** 0.5)
        print(save_grid(images, columns, paths))
    count = "1 picture" if len(paths) == 1 else f"{len(paths)} pictures"
    print(f"{count} in {seconds:.1f} s ({seconds / len(paths):.2f} s each)", file=sys.stderr)


def _run(
    model: LatentDiffusion, request: TextToImage, batch_size: int | None, out: Path, keep: bool
) -> tuple[list[Image], list[Path]]:
    """The files of the pictures, and the pictures where they are to be kept in memory.

    Files already made stay if the work is stopped.
    """
    images: list[Image] = []
    paths: list[Path] = []
    try:
        for picture in watched(events(model, request, batch_size)):
            paths.append(save(picture, out))
            images += [picture.image] if keep else []
    except RuntimeError as error:
        # On a CPU it is a RuntimeError like any other.
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate" not in str(error):
            raise
        raise UserError(
            "out of memory: take a smaller --batch-size, --width or --height, or --dtype fp16"
        ) from None
    finally:
        for path in paths:
            print(path)
    return images, paths


def _unknown_words(model: LatentDiffusion, request: TextToImage) -> list[str]:
    """The words of the prompts that the model never saw, as far as its tokenizer can tell."""
    steps, literal = request.sampling.steps, request.weighting == "none"
    texts = (text for prompt in request.prompts for text in words(prompt, steps, literal))
    read = (model.text.tokenizer.unknown_words(text) for text in texts)
    return list(dict.fromkeys(word for words in read for word in words))
