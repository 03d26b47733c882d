"""``calotype average``."""

from __future__ import annotations

import sys
from pathlib import Path

from calotype.errors import UserError

FAR = 0.1  # a misfit that a person should know the cure of


def average(run: Path, out: Path, /, *, halflife: int) -> None:
    """Write a run's model anew, its weights averaged over a longer time.

    The average is put together from those in the run's checkpoints; with more of them
    (``loop.keep``) it is nearer to what the run would have made with that ``loop.ema_halflife``.

    Parameters
    ----------
    run: Path
        The folder of a run.
    out: Path
        Where to, a new folder.
    halflife: int
        Samples after which a weight counts half, no fewer than in the run.
    """
    if out.exists():
        raise UserError(f"{out}: is already there; name a new folder")
    from calotype.cli.progress import Shown
    from calotype.training.posthoc import export_average

    with Shown() as shown:
        misfit = export_average(run, halflife, out, shown.tell)
    cure = "; more checkpoints (loop.keep) would bring it nearer" if misfit > FAR else ""
    print(f"calotype: nearest to that average within {misfit:.1%}{cure}", file=sys.stderr)
    print(out)
