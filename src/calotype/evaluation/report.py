"""An evaluation's report as rows of a table, as JSON figures and as sheets of pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, ImageDraw

from calotype.evaluation.mean import Mean
from calotype.evaluation.prompts import KINDS, PICTURE_SEED, PROMPT_SEED
from calotype.evaluation.scenes import RENDERING_SEED, Judged, Report
from calotype.evaluation.share import Share
from calotype.generate.pictures import contact_sheet
from calotype.scenes.reading import ATTRIBUTES

COLUMNS, SHOWN = 6, 36  # of a sheet of pictures
LINE, WIDTH = 12, 24  # pixels of a line of text, characters in it
Colour = tuple[int, int, int]
BLACK, RED, GREEN = (0, 0, 0), (180, 0, 0), (0, 120, 0)


def figures(report: Report) -> dict[str, Any]:
    """The figures by name: fractions between 0 and 1, decibels; with how they were come by."""
    measured = {
        **report.shares,
        "reconstruction_psnr": report.reconstruction_psnr,
        "object_psnr": report.object_psnr,
        "reader_accuracy": reader_accuracy(report),
    }
    return {
        **{name: _value(found) for name, found in measured.items()},
        "reader": {name: share.fraction for name, share in report.reading.items()},
        "parts": {
            kind: {name: share.fraction for name, share in parts.items()}
            for kind, parts in report.parts.items()
        },
        "intervals": {name: found.interval for name, found in measured.items()},
        "count": {name: share.count for name, share in report.shares.items()},
        "sampling": report.sampling.model_dump(mode="json"),
        "seeds": {
            "prompts": PROMPT_SEED,
            "renderings": RENDERING_SEED,
            "first picture of each kind": PICTURE_SEED,
        },
    }


def reader_accuracy(report: Report) -> Share:
    """The reader's worst attribute on renderings."""
    shares = (report.reading[name] for name in ("ground", "count", *ATTRIBUTES))
    return min(shares, key=lambda share: share.fraction)


def rows(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """(name, figure, 95 % interval, meaning) for a table, in reading order."""
    for kind, parts in report.parts.items():
        yield (kind, *_format(report.shares[kind]), KINDS[kind])
        for name, share in parts.items():
            yield (f"  {name}", *_format(share), "")
    ceiling = "two objects, rendered and through the autoencoder, judged like pairs"
    yield ("ceiling", *_format(report.shares["ceiling"]), ceiling)
    whole, inside = report.reconstruction_psnr, report.object_psnr
    yield ("reconstruction_psnr", *_format(whole, 2), "dB, the whole picture")
    yield ("object_psnr", *_format(inside, 2), "dB, inside the objects")
    accuracy = reader_accuracy(report)
    yield ("reader_accuracy", *_format(accuracy), "the reader's worst attribute on renderings")
    for name, share in report.reading.items():
        yield (f"  {name}", *_format(share), "")


def _value(found: Share | Mean) -> float:
    return found.fraction if isinstance(found, Share) else found.value


def _format(found: Share | Mean, digits: int = 3) -> tuple[str, str]:
    between = found.interval
    interval = f"{between[0]:.{digits}f}-{between[1]:.{digits}f}" if between else ""
    return f"{_value(found):.{digits}f}", interval


def failures(report: Report) -> list[Judged]:
    """The pictures with mistakes, those with most first."""
    everything = [judged for pictures in report.pictures.values() for judged in pictures]
    wrong = [judged for judged in everything if judged.mistakes]
    return sorted(wrong, key=lambda judged: -len(judged.mistakes))


def failures_sheet(report: Report) -> Image.Image:
    """The pictures with most mistakes, with prompts and verdicts, or that there are none."""
    return _sheet(failures(report)[:SHOWN])


def pictures_sheet(report: Report) -> Image.Image:
    """The first pictures of each kind of prompt, one a prompt, with prompts and verdicts."""
    each = SHOWN // len(report.pictures)
    return _sheet([one for kind in report.pictures for one in _once(report.pictures[kind])[:each]])


def _once(pictures: Sequence[Judged]) -> list[Judged]:
    """The first picture of each prompt."""
    found: dict[str, Judged] = {}
    for judged in pictures:
        found.setdefault(judged.prompt, judged)
    return list(found.values())


def _sheet(shown: Sequence[Judged]) -> Image.Image:
    texts = [_text(judged) for judged in shown]
    lines = max(map(len, texts), default=1)
    tiles = [_tile(judged.image, text, lines) for judged, text in zip(shown, texts, strict=True)]
    nothing = Image.new("RGB", (WIDTH * 6, 0))
    return contact_sheet(tiles or [_tile(nothing, [("no picture failed", GREEN)], 1)], COLUMNS)


def _text(judged: Judged) -> list[tuple[str, Colour]]:
    """The lines of the prompt and of the verdict: right, or what is shown for what."""
    prompt = [(line, BLACK) for line in textwrap.wrap(judged.prompt, WIDTH)]
    wrong = [(line, RED) for line in textwrap.wrap(", ".join(map(str, judged.mistakes)), WIDTH)]
    return prompt + (wrong or [("right", GREEN)])


def _tile(image: Image.Image, text: Sequence[tuple[str, Colour]], lines: int) -> Image.Image:
    """A picture over text, with room for this many lines."""
    side = max(image.width, WIDTH * 6)
    tile = Image.new("RGB", (side + 8, image.height + (lines + 1) * LINE), "white")
    tile.paste(image, (4 + (side - image.width) // 2, 4))
    draw = ImageDraw.Draw(tile)
    for number, (line, colour) in enumerate(text):
        draw.text((4, image.height + 6 + number * LINE), line, fill=colour)
    return tile
