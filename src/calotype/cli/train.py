"""``calotype train``."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from calotype.errors import UserError
from calotype.settings import explain, read_settings


def train(
    recipe: Path | None = None,
    /,
    *,
    changes: Annotated[tuple[str, ...], Parameter(name=["--set", "-s"], show_default=False)] = (),
    resume: bool = False,
    out: Path | None = None,
    keys: bool = False,
) -> None:
    """Train a model with the settings of a TOML file.

    Ctrl-C saves a checkpoint and ends; with ``--resume`` the run continues from it, bit for bit.

    Parameters
    ----------
    recipe: Path
        The run's settings, a TOML file.
    changes: tuple[str, ...]
        Change one setting, as key.path=value; may be repeated.
    resume: bool
        Continue from the newest checkpoint of the run.
    out: Path
        Folder of the run, instead of the file's.
    keys: bool
        List every setting with its meaning, and end.
    """
    from calotype.training.settings import TrainSettings

    if keys:
        _print_keys(TrainSettings)
        return
    if recipe is None:
        raise UserError("the run's TOML file is missing; see calotype train --help")
    if out is not None:
        changes = (*changes, f"out={json.dumps(str(out))}")
    settings = read_settings(TrainSettings, recipe, changes)
    from calotype.cli.progress import ProgressBar, follow
    from calotype.training import train as run

    with ProgressBar() as bar, stop_at_interrupt() as stopped:

        def report(what: str, done: int, total: int) -> None:
            bar.update(what, done, total)
            if stopped:  # there is no checkpoint to write yet; caches keep what is computed
                raise KeyboardInterrupt

        steps = run(settings, resume, report, lambda: bool(stopped), bar.note)
        ended = follow(bar, steps)
    if not ended:
        again = [argument for change in changes for argument in ("-s", change)]
        words = shlex.join(["calotype", "train", str(recipe), *again, "--resume"])
        print(f"saved; to continue: {words}", file=sys.stderr)
        raise KeyboardInterrupt
    print(settings.out / "model")


@contextmanager
def stop_at_interrupt() -> Iterator[list[int]]:
    """A list that the first Ctrl-C fills, for an orderly end; a second one interrupts as usual."""
    stopped: list[int] = []

    def first(number: int, frame: object) -> None:
        stopped.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _print_keys(schema: Any) -> None:
    """Print one line for each key, so that `grep` finds it whole."""
    for key in explain(schema):
        only = f"; only with {key.when}" if key.when else ""
        default = "required" if key.default == "required" else f"default {key.default}"
        print(f"{key.name}: {key.meaning} ({key.allowed}; {default}{only})")
