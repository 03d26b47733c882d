"""The report of the evaluation on scenes: figures, rows of a table, sheets of judged pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from calotype.evaluation.intervals import Mean, Share, estimate, formatted
from calotype.evaluation.scenes.judge import Judged
from calotype.evaluation.scenes.prompts import KINDS, PROMPT_SEED
from calotype.generate.request import Sampling
from calotype.generate.sheets import CAPTION_WIDTH, Colour, captioned_sheet
from calotype.names import PromptKind
from calotype.scenes.reading import ATTRIBUTES

PICTURE_SEED = 1  # of the first picture of each kind; the next has the next
RENDERING_SEED = 30_000  # renderings that no recipe of the project trains on
COLUMNS, MAX_PICTURES = 6, 36  # of a sheet
BLACK, RED, GREEN = (0, 0, 0), (180, 0, 0), (0, 120, 0)


@dataclass
class ScenesReport:
    """What the evaluation on scenes found.

    shares: of pictures that show everything that was stated, by row: the kinds of prompts, and
        "ceiling", renderings of two objects after the autoencoder's round trip, judged as pairs
        are.
    parts: for each kind of prompt, the share of pictures without a mistake in the ground, in the
        count and, among those with the right count, in each attribute and in the relation.
    reading: the reader's shares of right attributes on renderings; "scenes": of renderings of two
        objects without a mistake, material included.
    reconstruction_psnr, object_psnr: dB of each rendering, whole and inside the objects.
    pictures: all pictures by kind of prompt, in the prompts' order.
    """

    sampling: Sampling
    shares: dict[str, Share] = field(default_factory=dict)
    parts: dict[PromptKind, dict[str, Share]] = field(default_factory=dict)
    reading: dict[str, Share] = field(default_factory=dict)
    reconstruction_psnr: Mean = field(default_factory=Mean)
    object_psnr: Mean = field(default_factory=Mean)
    pictures: dict[PromptKind, list[Judged]] = field(default_factory=dict)

    @property
    def reader_accuracy(self) -> Share:
        """The reader's worst attribute on renderings."""
        shares = (self.reading[name] for name in ("ground", "count", *ATTRIBUTES))
        return min(shares, key=lambda share: share.fraction)

    @property
    def failures(self) -> list[Judged]:
        """The pictures with mistakes, those with most first."""
        everything = [judged for pictures in self.pictures.values() for judged in pictures]
        wrong = [judged for judged in everything if judged.mistakes]
        return sorted(wrong, key=lambda judged: -len(judged.mistakes))

    def figures(self) -> dict[str, Any]:
        """The figures by name: fractions between 0 and 1, decibels; with settings and seeds."""
        measured = {
            **self.shares,
            "reconstruction_psnr": self.reconstruction_psnr,
            "object_psnr": self.object_psnr,
            "reader_accuracy": self.reader_accuracy,
        }
        return {
            **{name: estimate(found) for name, found in measured.items()},
            "reader": {name: share.fraction for name, share in self.reading.items()},
            "parts": {
                kind: {name: share.fraction for name, share in parts.items()}
                for kind, parts in self.parts.items()
            },
            "intervals": {name: found.interval for name, found in measured.items()},
            "count": {name: share.count for name, share in self.shares.items()},
            "sampling": self.sampling.model_dump(mode="json"),
            "seeds": {
                "prompts": PROMPT_SEED,
                "renderings": RENDERING_SEED,
                "first picture of each kind": PICTURE_SEED,
            },
        }

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """(name, figure, 95 % interval, meaning) for a table, in reading order."""
        for kind, parts in self.parts.items():
            yield (kind, *formatted(self.shares[kind]), KINDS[kind])
            for name, share in parts.items():
                yield (f"  {name}", *formatted(share), "")
        ceiling = "two objects, rendered and through the autoencoder, judged like pairs"
        yield ("ceiling", *formatted(self.shares["ceiling"]), ceiling)
        whole, inside = self.reconstruction_psnr, self.object_psnr
        yield ("reconstruction_psnr", *formatted(whole, 2), "dB, the whole picture")
        yield ("object_psnr", *formatted(inside, 2), "dB, inside the objects")
        worst = "the reader's worst attribute on renderings"
        yield ("reader_accuracy", *formatted(self.reader_accuracy), worst)
        for name, share in self.reading.items():
            yield (f"  {name}", *formatted(share), "")

    def failures_sheet(self) -> Image.Image:
        """The pictures with most mistakes, with prompts and verdicts, or that there are none."""
        return _sheet(self.failures[:MAX_PICTURES])

    def pictures_sheet(self) -> Image.Image:
        """The first pictures of each kind, one for each prompt, with prompts and verdicts."""
        each = MAX_PICTURES // len(self.pictures)
        return _sheet([one for kind in self.pictures.values() for one in _once(kind)[:each]])


def _once(pictures: Sequence[Judged]) -> list[Judged]:
    """The first picture of each prompt."""
    found: dict[str, Judged] = {}
    for judged in pictures:
        found.setdefault(judged.prompt, judged)
    return list(found.values())


def _sheet(pictures: Sequence[Judged]) -> Image.Image:
    if not pictures:
        return captioned_sheet([Image.new("RGB", (1, 0))], [[("no picture failed", GREEN)]], 1)
    captions = [_caption(judged) for judged in pictures]
    return captioned_sheet([judged.image for judged in pictures], captions, COLUMNS)


def _caption(judged: Judged) -> list[tuple[str, Colour]]:
    """The lines of the prompt, then of the verdict: "right" or the mistakes."""
    prompt = [(line, BLACK) for line in textwrap.wrap(judged.prompt, CAPTION_WIDTH)]
    verdict = textwrap.wrap(", ".join(map(str, judged.mistakes)), CAPTION_WIDTH)
    return prompt + ([(line, RED) for line in verdict] or [("right", GREEN)])
