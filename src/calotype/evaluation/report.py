"""An evaluation's report as rows of a table, as JSON figures and as a sheet of failures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageDraw

from calotype.evaluation.prompts import KINDS, PICTURE_SEED, PROMPT_SEED
from calotype.evaluation.scenes import RENDERING_SEED, Failure, Report
from calotype.evaluation.share import Share
from calotype.scenes.reading import ATTRIBUTES

COLUMNS, SHOWN = 6, 36  # of the sheet of failures
LINE, WIDTH = 12, 24  # pixels of a line of text, characters in it
LINES = 5


def figures(report: Report) -> dict[str, Any]:
    """The figures by name: fractions between 0 and 1, decibels; with how they were come by."""
    least = min(report.reading[name].fraction for name in ("ground", "count", *ATTRIBUTES))
    return {
        **{name: share.fraction for name, share in report.shares.items()},
        "reconstruction_psnr": report.reconstruction_psnr,
        "object_psnr": report.object_psnr,
        "reader_accuracy": least,
        "reader": {name: share.fraction for name, share in report.reading.items()},
        "without_mistake": report.without,
        "intervals": {name: share.interval for name, share in report.shares.items()},
        "count": {name: share.count for name, share in report.shares.items()},
        "sampling": report.sampling.model_dump(mode="json"),
        "seeds": {
            "prompts": PROMPT_SEED,
            "renderings": RENDERING_SEED,
            "first picture of each kind": PICTURE_SEED,
        },
    }


def rows(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """(name, figure, 95 % interval, meaning) for a table, in reading order."""
    for kind, meaning in KINDS.items():
        yield (kind, *_told(report.shares[kind]), meaning)
        for name, share in report.without[kind].items():
            yield f"  {name}", f"{share:.3f}", "", ""
    ceiling = "two objects, rendered and through the autoencoder, judged like pairs"
    yield ("ceiling", *_told(report.shares["ceiling"]), ceiling)
    yield "reconstruction_psnr", f"{report.reconstruction_psnr:.2f}", "", "dB, the whole picture"
    yield "object_psnr", f"{report.object_psnr:.2f}", "", "dB, inside the objects"
    least = min(
        (report.reading[name] for name in ("ground", "count", *ATTRIBUTES)),
        key=lambda share: share.fraction,
    )
    yield ("reader_accuracy", *_told(least), "the reader's worst attribute on renderings")
    for name, share in report.reading.items():
        yield (f"  {name}", *_told(share), "")


def _told(share: Share) -> tuple[str, str]:
    low, high = share.interval
    return f"{share.fraction:.3f}", f"{low:.3f}-{high:.3f}"


def failures_sheet(report: Report) -> Image.Image | None:
    """The pictures with most mistakes, each over its prompt and what is wrong; None without any."""
    worst = sorted(report.failures, key=lambda failure: -len(failure.mistakes))[:SHOWN]
    if not worst:
        return None
    tiles = [_tile(failure) for failure in worst]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(tiles) // COLUMNS) * height), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % COLUMNS * width, number // COLUMNS * height))
    return sheet


def _tile(failure: Failure) -> Image.Image:
    """One failure: the picture, its prompt, and in red what is shown for what."""
    side = max(failure.image.width, WIDTH * 6)
    tile = Image.new("RGB", (side + 8, failure.image.height + (LINES + 3) * LINE), "white")
    tile.paste(failure.image, (4 + (side - failure.image.width) // 2, 4))
    draw = ImageDraw.Draw(tile)
    said = textwrap.wrap(failure.prompt, WIDTH)[:LINES]
    wrong = textwrap.wrap(", ".join(map(str, failure.mistakes)), WIDTH)[:2]
    lines = [(line, "black") for line in said] + [(line, (180, 0, 0)) for line in wrong]
    for number, (line, colour) in enumerate(lines):
        draw.text((4, failure.image.height + 6 + number * LINE), line, fill=colour)
    return tile
