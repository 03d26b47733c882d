"""``calotype evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from calotype.cli.options import from_options, with_options
from calotype.cli.outputs import OutputFile, PngFile, open_files
from calotype.cli.shared import DeviceName, ModelName
from calotype.generate.request import Sampling
from calotype.names import PromptKind
from calotype.settings import Settings

if TYPE_CHECKING:
    from calotype.evaluation import EvaluationProgress, Report


class EvaluateOptions(Settings):
    """What a model is evaluated on, and how its pictures are made."""

    on: str = Field(
        default="scenes",
        description="what the model is evaluated on; scenes: prompts about the built-in world",
    )
    count: int = Field(default=500, ge=1, le=10_000, description="prompts of each kind")
    kinds: tuple[PromptKind, ...] = Field(default=(), description="kinds of prompts; none: all")
    sampling: Sampling = Field(default=Sampling(), description="how noise becomes a picture")


@with_options(EvaluateOptions, leave_out=["seed"])
def evaluate(
    model: ModelName = "scenes",
    /,
    *,
    given: dict[str, Any],
    json: OutputFile | None = None,
    failures: PngFile | None = None,
    pictures: PngFile | None = None,
    device: DeviceName = "auto",
) -> None:
    """Measure how well a model follows prompts.

    On scenes: makes pictures of fixed prompts about the built-in world. A network, the reader,
    says what they show; a picture is right if everything that its prompt states reads back right.
    Also measures how much of held-out renderings the autoencoder keeps.

    Parameters
    ----------
    json: Path
        Write the figures, with their confidence intervals and settings.
    failures: Path
        Write a contact sheet of the worst failures, a .png file.
    pictures: Path
        Write a contact sheet of the first pictures of each kind, one for each prompt, a .png file.
    """
    options = from_options(EvaluateOptions, given)
    from calotype.checkpoints import load
    from calotype.cli.device import device_named
    from calotype.evaluation import evaluation

    measure = evaluation(options.on)
    with open_files(json, failures, pictures) as files:
        loaded = load(model, device_named(device))
        report = _last(measure(loaded, options.count, options.sampling, options.kinds))
        _print(report)
        _write(report, *files)


def _last(events: Iterator[EvaluationProgress | Report]) -> Report:
    """The report of an evaluation, its progress shown."""
    from calotype.cli.progress import ProgressBar
    from calotype.evaluation import EvaluationProgress

    with ProgressBar() as bar:
        for event in events:
            if not isinstance(event, EvaluationProgress):
                return event
            bar.update(event.part, event.done, event.total)
    raise AssertionError("an evaluation ends with its report")


def _write(
    report: Report, table: Path | None, failures: Path | None, pictures: Path | None
) -> None:
    import json

    if table:
        table.write_text(json.dumps(report.figures(), indent=2) + "\n")
    if failures:
        report.failures_sheet().save(failures, format="PNG")
    if pictures:
        report.pictures_sheet().save(pictures, format="PNG")


def _print(report: Report) -> None:
    """The table on stdout."""
    from rich.console import Console
    from rich.table import Table

    seeds = ", ".join(f"{what} {seed}" for what, seed in report.figures()["seeds"].items())
    table = Table("", "figure", "95 %", "", box=None, pad_edge=False, caption=f"seeds: {seeds}")
    for row in report.rows():
        table.add_row(*row, style=None if not row[0].startswith(" ") else "dim")
    Console(file=sys.stdout).print(table)
