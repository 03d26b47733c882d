"""``calotype average``."""

from __future__ import annotations

import sys
from pathlib import Path

from calotype.errors import UserError


def average(run: Path, out: Path, /, *, halflife: int) -> None:
    """Write a run's model with its weights averaged over another length of time.

    The average is a combination of the averages in the run's checkpoints: the more checkpoints
    (``loop.keep``, ``loop.save_every``), the smaller its error. Call it where the run was trained
    and where its data are.

    Parameters
    ----------
    run: Path
        The folder of a run.
    out: Path
        A new folder for the model.
    halflife: int
        Samples after which a weight counts half, 1 or more; unlike in the run
        (``loop.ema_halflife``), it isn't shorter at the beginning.
    """
    if halflife < 1:
        raise UserError(f"--halflife = {halflife}: must be 1 or more")
    if out.exists():
        raise UserError(f"{out}: exists already; name a new folder")
    from calotype.cli.progress import ProgressBar
    from calotype.training.posthoc import export_average

    with ProgressBar() as bar:
        misfit = export_average(run, halflife, out, bar.update, bar.note)
    print(f"calotype: relative error of the average: {misfit:.1%}", file=sys.stderr)
    print(out)
