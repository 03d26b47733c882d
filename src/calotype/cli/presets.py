"""``calotype presets``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calotype.presets import Preset

WIDTH = 140  # characters of a line if stdout is no terminal: each network fits on one line


def presets(name: str | None = None, /) -> None:
    """List the named configurations, or print one of them as JSON.

    Each network has its parameters and the operations of one call for one picture; a multiplication
    and an addition count as two. An autoencoder encodes and decodes, a UNet is called once, a text
    encoder reads its longest text.

    Parameters
    ----------
    name: str
        A preset; none: all are listed.
    """
    from calotype.presets import PRESETS, preset

    if name is None:
        _print(list(PRESETS.values()))
    else:
        import json

        print(json.dumps(preset(name).to_json(), indent=2))


def _print(presets: list[Preset]) -> None:
    """The table on stdout."""
    from rich.console import Console
    from rich.table import Table

    from calotype.checkpoints.meta_init import on_meta
    from calotype.cli.progress import ProgressBar
    from calotype.presets import measured

    table = Table(box=None, pad_edge=False)
    for title in ("name", "network"):
        table.add_column(title, no_wrap=True)
    for title in ("parameters", "GFLOPs", "latent"):
        table.add_column(title, no_wrap=True, justify="right")
    table.add_column("source")
    with ProgressBar() as bar, on_meta():
        networks = []
        for number, preset in enumerate(presets):
            bar.update("presets", number, len(presets), preset.name)
            networks.append(list(measured(preset)))
    for preset, own in zip(presets, networks, strict=True):
        name, latent, source = preset.name, "x".join(map(str, preset.latent)), preset.source
        for network in own:
            size, work = f"{network.parameters:,}", f"{network.flops / 1e9:,.1f}"
            table.add_row(name, network.what, size, work, latent, source)
            name = latent = source = ""
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH).print(table)
