"""The grounds: procedural textures, evaluated at points of the plane."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from calotype.scenes.draw import Draws
from calotype.scenes.geometry import Vector

Colour = tuple[float, float, float]

TEXELS = 512  # along each side of the noise table, which repeats after 16 units
LATTICE = 32  # texels per unit


def albedo(kind: str, x: Tensor, y: Tensor) -> Vector:
    """Linear RGB in [0, 1] of a ground at points (x, y) of its own plane, elementwise."""
    return _TEXTURES[kind](x, y)


def _wood(x: Tensor, y: Tensor) -> Vector:
    """Planks along the viewing direction, with grain and joints."""
    row = (x / 1.7).floor()
    shifted = y + 7.0 * _cell(row, row)
    board = (shifted / 7.0).floor()
    tone = _cell(row, board + 17)
    grain = _noise(x * 1.3 + 5 * tone, shifted * 0.10 + 9 * tone)
    seam = _line(x, 1.7, 0.10) * _line(shifted, 7.0, 0.12)
    mix = 0.25 + 0.45 * tone + 0.5 * (grain - 0.5)
    return _blend((0.245, 0.120, 0.050), (0.46, 0.260, 0.120), mix, 0.62 + 0.38 * seam)


def _checker(x: Tensor, y: Tensor) -> Vector:
    """Square tiles, alternately light and dark."""
    column, row = (x / 2.1).floor(), (y / 2.1).floor()
    both = column + row
    light = both - 2 * (both / 2).floor()
    mix = 0.08 + 0.84 * light + 0.08 * (_noise(x * 0.4, y * 0.4) - 0.5)
    return _blend((0.185, 0.200, 0.235), (0.46, 0.445, 0.41), mix, torch.ones_like(x))


def _sand(x: Tensor, y: Tensor) -> Vector:
    """Low ripples in one direction."""
    drift = _noise(x * 0.22, y * 0.22)
    phase = y * 0.60 + x * 0.16 + 2.6 * drift
    wave = phase - phase.floor()
    ripple = 16 * (wave * (1 - wave)) * (wave * (1 - wave))
    mix = 0.28 + 0.40 * ripple + 0.6 * (drift - 0.5)
    return _blend((0.41, 0.280, 0.155), (0.57, 0.430, 0.265), mix, torch.ones_like(x))


def _grass(x: Tensor, y: Tensor) -> Vector:
    """Tufts of grass, with soft darker spots and fine blades."""
    tufts = _noise(x * 0.6, y * 0.35)
    blades = _noise(x * 1.4 + 2.3, y * 0.6 + 1.7)
    spots = _noise(x * 0.25 + 3.1, y * 0.25)
    mix = 0.45 + 0.7 * (tufts - 0.5) + 0.3 * (blades - 0.5) + 0.7 * (spots - 0.5)
    return _blend((0.045, 0.105, 0.018), (0.230, 0.310, 0.065), mix, torch.ones_like(x))


def _stone(x: Tensor, y: Tensor) -> Vector:
    """Rows of grey stone slabs, each row shifted."""
    row = (y / 2.3).floor()
    shifted = x + 3.1 * _cell(row + 5, row)
    flag = (shifted / 3.1).floor()
    tone = _cell(row, flag)
    seam = _line(y, 2.3, 0.14) * _line(shifted, 3.1, 0.12)
    mix = 0.2 + 0.50 * tone + 0.5 * (_noise(x * 0.3 + 7 * tone, y * 0.3) - 0.35)
    return _blend((0.175, 0.180, 0.190), (0.35, 0.35, 0.345), mix, 0.60 + 0.40 * seam)


_TEXTURES: dict[str, Callable[[Tensor, Tensor], Vector]] = {
    "wood": _wood,
    "checker": _checker,
    "sand": _sand,
    "grass": _grass,
    "stone": _stone,
}

MEAN: dict[str, Colour] = {
    "wood": (0.30, 0.16, 0.07),
    "checker": (0.32, 0.32, 0.31),
    "sand": (0.52, 0.38, 0.23),
    "grass": (0.16, 0.22, 0.05),
    "stone": (0.25, 0.25, 0.25),
}
"""The approximate mean of each texture in linear RGB: the colour that it reflects onto objects."""


def _blend(low: Colour, high: Colour, mix: Tensor, scale: Tensor) -> Vector:
    mix = mix.clamp(0, 1)
    return (
        (low[0] + (high[0] - low[0]) * mix) * scale,
        (low[1] + (high[1] - low[1]) * mix) * scale,
        (low[2] + (high[2] - low[2]) * mix) * scale,
    )


def _line(x: Tensor, period: float, width: float) -> Tensor:
    """1, except on lines of this width at every period, where it falls to 0."""
    phase = x / period
    distance = ((phase - phase.floor()) - 0.5).abs()
    return ((0.5 - distance) * (2 * period / width)).clamp(0, 1)


def _cell(column: Tensor, row: Tensor) -> Tensor:
    """A random number in [0, 1) for each cell of a grid; the coordinates are integers."""
    index = (column.long() & 63) * 64 + (row.long() & 63)
    return _table("cells", column.device)[index]


def _noise(x: Tensor, y: Tensor) -> Tensor:
    """Fractal noise in [0, 1] around 0.5; its largest features are about one unit wide."""
    x, y = x * LATTICE, y * LATTICE
    left, low = x.floor(), y.floor()
    right_part, high_part = x - left, y - low
    columns = left.long()
    rows = (low.long() & (TEXELS - 1)) * TEXELS
    rows_above = (rows + TEXELS) & (TEXELS * TEXELS - 1)
    columns_right = (columns + 1) & (TEXELS - 1)
    columns = columns & (TEXELS - 1)
    table = _table("noise", x.device)
    a, b = table[rows + columns], table[rows + columns_right]
    c, d = table[rows_above + columns], table[rows_above + columns_right]
    below, above = a + (b - a) * right_part, c + (d - c) * right_part
    return below + (above - below) * high_part


@cache
def _table(name: str, device: torch.device) -> Tensor:
    values = _fractal() if name == "noise" else _random(64)
    return torch.from_numpy(values.astype(np.float32).ravel()).to(device)


def _random(side: int) -> np.ndarray:
    draws = Draws(0, side, purpose=99)
    return np.array([draws.uniform(0, 1) for _ in range(side * side)]).reshape(side, side)


def _fractal() -> np.ndarray:
    """Four octaves of periodic value noise (TEXELS, TEXELS); its standard deviation is 0.16."""
    total = np.zeros((TEXELS, TEXELS))
    for octave in range(4):
        cells = 16 * 2**octave
        place = np.arange(TEXELS) * cells / TEXELS
        whole = place.astype(int)
        part = place - whole
        part = part * part * (3 - 2 * part)
        after = (whole + 1) % cells
        values = _random(cells)
        rows = values[whole] * (1 - part)[:, None] + values[after] * part[:, None]
        total += (rows[:, whole] * (1 - part) + rows[:, after] * part) / 2**octave
    return np.clip(0.5 + (total - total.mean()) * (0.16 / total.std()), 0, 1)
