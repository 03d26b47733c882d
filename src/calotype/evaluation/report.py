"""What an evaluation yields: progress, and at the end a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image


@dataclass(frozen=True)
class EvaluationProgress:
    """``done`` of ``total`` pictures of one part of an evaluation are measured."""

    part: str
    done: int
    total: int


class Report(Protocol):
    """What an evaluation found, in each form that ``calotype evaluate`` prints or writes."""

    def figures(self) -> dict[str, Any]:
        """The figures by name, as JSON: with ``intervals``, ``count``, ``sampling``, ``seeds``."""
        ...

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """(name, figure, 95 % interval, meaning); names of details begin with a space."""
        ...

    def failures_sheet(self) -> Image.Image:
        """A contact sheet of the pictures with most mistakes."""
        ...

    def pictures_sheet(self) -> Image.Image:
        """A contact sheet of the first pictures, right or wrong."""
        ...
