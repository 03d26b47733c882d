"""Progress on stderr: a bar on a terminal, otherwise a line every 30 seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from calotype.generate import events

if TYPE_CHECKING:
    from calotype import training

SECONDS_BETWEEN_LINES = 30


class ProgressBar:
    """A context in which ``update`` shows the progress of one or more tasks."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
        )
        console = Console(stderr=True)
        self._plain = not console.is_terminal
        self._bar = Progress(
            *columns, TimeRemainingColumn(), console=console, redirect_stdout=False, transient=True
        )
        self._tasks: dict[str, TaskID] = {}
        self._line_at = time.monotonic()

    def __enter__(self) -> ProgressBar:
        if not self._plain:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if not self._plain:
            self._bar.stop()

    def update(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Show ``done`` of ``total`` for the task ``what``, and ``detail`` beside it."""
        counted = f"{done:,} of {total:,}  {detail}".rstrip()
        if self._plain:
            if time.monotonic() - self._line_at > SECONDS_BETWEEN_LINES:
                self._line_at = time.monotonic()
                print(f"{what}: {counted}", file=sys.stderr)
            return
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total, detail=counted)
        self._bar.update(self._tasks[what], completed=done, total=total, detail=counted)

    def note(self, text: str) -> None:
        """Print a line that stays on the screen."""
        self._bar.console.print(f"calotype: {text}", highlight=False, markup=False, soft_wrap=True)


def show_progress(happening: Iterable[events.Event]) -> Iterator[events.Picture]:
    """Yield the pictures among the events of a request, and show its progress."""
    with ProgressBar() as bar:
        for event in happening:
            if isinstance(event, events.Progress):
                bar.update("steps", event.done, event.total)
            elif isinstance(event, events.Picture):
                yield event


def follow(bar: ProgressBar, run: Iterable[training.TrainProgress]) -> bool:
    """Run a training, show its loss and speed, and return whether it reached its end."""
    first, began, ended = None, time.monotonic(), True
    for step in run:
        if first is None:
            first, began = step.samples, time.monotonic()
        rate = (step.samples - first) / max(time.monotonic() - began, 1e-3)
        detail = f"loss {step.metrics['loss']:.4f}  {rate:.1f} pictures/s"
        bar.update("training", step.samples, step.total, detail)
        ended = step.samples == step.total
    return ended
