"""``calotype average``."""

from __future__ import annotations

import sys
from pathlib import Path

from calotype.errors import UserError

FAR = 0.1  # a misfit that a person should know the cure of


def average(run: Path, out: Path, /, *, halflife: int) -> None:
    """Write a run's model anew, its weights averaged over another length of time.

    The average is put together from those in the run's checkpoints: the more of them there are
    (``loop.keep``), the nearer it comes to the one that is asked for.

    Parameters
    ----------
    run: Path
        The folder of a run.
    out: Path
        Where to, a new folder.
    halflife: int
        Samples after which a weight counts half, 1 or more.
    """
    if halflife < 1:
        raise UserError(f"--halflife = {halflife}: must be 1 or more")
    if out.exists():
        raise UserError(f"{out}: is already there; name a new folder")
    from calotype.cli.progress import Shown
    from calotype.training.posthoc import export_average

    with Shown() as shown:
        misfit = export_average(run, halflife, out, shown.tell)
    cure = "; more checkpoints (loop.keep) would bring it nearer" if misfit > FAR else ""
    print(f"calotype: nearest to that average within {misfit:.1%}{cure}", file=sys.stderr)
    print(out)
