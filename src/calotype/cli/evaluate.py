"""``calotype evaluate``."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from calotype.cli.options import from_options, with_options
from calotype.cli.shared import DeviceName, ModelName
from calotype.errors import UserError
from calotype.generate.request import Sampling
from calotype.names import PromptKind

if TYPE_CHECKING:
    from calotype.evaluation import Report
    from calotype.model import LatentDiffusion


MAX_PROMPTS = 10_000  # prompts that one request holds


@with_options(Sampling, leave_out=["seed"])
def evaluate(
    model: ModelName = "scenes",
    /,
    *,
    given: dict[str, Any],
    count: int = 500,
    kinds: tuple[PromptKind, ...] = get_args(PromptKind),
    json: Path | None = None,
    failures: Path | None = None,
    pictures: Path | None = None,
    device: DeviceName = "auto",
) -> None:
    """Measure how well a model does what words say.

    Makes pictures of fixed prompts about the built-in world and has a network, the reader, tell
    what they show: the share of pictures in which everything that was said reads back right. Also
    how much of held-out renderings the autoencoder keeps.

    Parameters
    ----------
    count: int
        Prompts of each kind.
    kinds: tuple
        Kinds of prompts, one or more.
    json: Path
        Write the figures, with their confidence intervals and settings.
    failures: Path
        Write a contact sheet of the worst failures, a .png file.
    pictures: Path
        Write a contact sheet of the first pictures of each kind, one a prompt, a .png file.
    """
    if not 1 <= count <= MAX_PROMPTS:
        raise UserError(f"--count = {count}: must be between 1 and {MAX_PROMPTS:,}")
    for option, path in (("--failures", failures), ("--pictures", pictures)):
        if path is not None and path.suffix.lower() != ".png":
            raise UserError(f"{option} = {path}: must be a .png file")
    wanted = (json, failures, pictures)
    given_paths = [path for path in wanted if path is not None]
    for path in given_paths:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name a file")
        if given_paths.count(path) > 1:
            raise UserError(f"{path}: is named twice")
    sampling = from_options(Sampling, given)
    from calotype.checkpoints import load
    from calotype.checkpoints.files import write_atomically
    from calotype.cli.device import device_named

    with ExitStack() as outputs:
        # Opened first: half an hour later is no time to learn that a folder can't be written.
        opened = [path and outputs.enter_context(write_atomically(path)) for path in wanted]
        for path in filter(None, opened):
            path.touch()
        report = _report(load(model, device_named(device)), count, sampling, kinds)
        _print(report)
        _write(report, *opened)


def _report(
    model: LatentDiffusion, count: int, sampling: Sampling, kinds: tuple[PromptKind, ...]
) -> Report:
    from calotype import evaluation
    from calotype.cli.progress import ProgressBar

    with ProgressBar() as bar:
        for event in evaluation.evaluate(model, count, sampling, kinds):
            if isinstance(event, evaluation.Report):
                return event
            bar.update(event.part, event.done, event.total)
    raise AssertionError("an evaluation ends with its report")


def _write(
    report: Report, table: Path | None, failures: Path | None, pictures: Path | None
) -> None:
    import json

    from calotype.evaluation import failures_sheet, figures, pictures_sheet

    if table:
        table.write_text(json.dumps(figures(report), indent=2) + "\n")
    if failures:
        failures_sheet(report).save(failures, format="PNG")
    if pictures:
        pictures_sheet(report).save(pictures, format="PNG")


def _print(report: Report) -> None:
    """The table on stdout."""
    from rich.console import Console
    from rich.table import Table

    from calotype.evaluation import figures, rows

    seeds = ", ".join(f"{what} {seed}" for what, seed in figures(report)["seeds"].items())
    table = Table("", "figure", "95 %", "", box=None, pad_edge=False, caption=f"seeds: {seeds}")
    for row in rows(report):
        table.add_row(*row, style=None if not row[0].startswith(" ") else "dim")
    Console(file=sys.stdout).print(table)
