"""``calotype average``."""

from __future__ import annotations

import sys
from pathlib import Path

from calotype.errors import UserError


def average(run: Path, out: Path, /, *, halflife: int) -> None:
    """Write a run's model anew, its weights averaged over another length of time.

    The average is put together from those in the run's checkpoints: the more of them there are
    (``loop.keep``, ``loop.save_every``), the nearer it comes to the one that is asked for. To be
    called where the run was trained, its data still there.

    Parameters
    ----------
    run: Path
        The folder of a run.
    out: Path
        Where to, a new folder.
    halflife: int
        Samples after which a weight counts half, 1 or more; unlike in the run
        (``loop.ema_halflife``), it isn't shortened at the beginning.
    """
    if halflife < 1:
        raise UserError(f"--halflife = {halflife}: must be 1 or more")
    if out.exists():
        raise UserError(f"{out}: is already there; name a new folder")
    from calotype.cli.progress import ProgressBar
    from calotype.training.posthoc import export_average

    with ProgressBar() as bar:
        misfit = export_average(run, halflife, out, bar.update, bar.note)
    print(f"calotype: nearest to that average within {misfit:.1%}", file=sys.stderr)
    print(out)
