"""``calotype inspect``."""

from __future__ import annotations

import sys
from pathlib import Path


def inspect(path: Path, /) -> None:
    """Tell what a model's file or folder holds.

    Its family, networks and types, what its UNet predicts and by which rule that was found, and the
    hashes by which other programs know it; of an unknown file, what can be told.

    Parameters
    ----------
    path: Path
        A packaged model's name, a folder, or a file .safetensors, .ckpt, .pt or .bin.
    """
    from rich.console import Console
    from rich.table import Table

    from calotype.checkpoints.describe import describe

    table = Table("", "", show_header=False, box=None, pad_edge=False)
    for name, told in describe(str(path)):
        table.add_row(name, told)
    Console(file=sys.stdout, soft_wrap=True, highlight=False).print(table)
