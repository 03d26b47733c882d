"""The camera of every scene: it is fixed, so each pixel always shows the same point of ground."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calotype.scenes.scene import SceneObject

ELEVATION = math.radians(30)
DISTANCE = 13.0
AIM = 0.40  # height of the point that the camera looks at
HALF_WIDTH = 0.176  # of the picture, at distance 1; lengths are in units of the ground

SINE, COSINE = math.sin(ELEVATION), math.cos(ELEVATION)
POSITION = (0.0, -DISTANCE * COSINE, DISTANCE * SINE + AIM)


def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (..., 3) of the world -> (..., 3): column, row, depth.

    Column and row are in [0, 1] within the picture, rows downwards. Depth is the distance along the
    camera's axis, in units of the ground.
    """
    offset = points - np.array(POSITION)
    depth = offset[..., 1] * COSINE - offset[..., 2] * SINE
    up = offset[..., 1] * SINE + offset[..., 2] * COSINE
    scale = 0.5 / (HALF_WIDTH * depth)
    return np.stack([0.5 + offset[..., 0] * scale, 0.5 - up * scale, depth], axis=-1)


def column(x: float, y: float, z: float) -> float:
    """The column in [0, 1] of one point of the world."""
    depth = (y - POSITION[1]) * COSINE - (z - POSITION[2]) * SINE
    return 0.5 + x * (0.5 / (HALF_WIDTH * depth))


def ground_y(row: float) -> float:
    """The y of the ground at a row in [0, 1] below the horizon: the inverse of ``project``."""
    slope = (0.5 - row) * 2 * HALF_WIDTH
    return POSITION[1] - POSITION[2] * (COSINE + slope * SINE) / (slope * COSINE - SINE)


def rays(size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Ray directions (x, y, z), each (size * size,), row by row.

    They are scaled so that a point at ``t`` along its ray has the depth ``t``.
    """
    steps = ((torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (2 / size) - 1) * (
        HALF_WIDTH
    )
    across = steps.repeat(size)
    up = -steps.repeat_interleave(size)
    return across, COSINE + SINE * up, -SINE + COSINE * up


_CIRCLE = np.linspace(0, 2 * np.pi, 16, endpoint=False)
# The corners of a 16-gon around the circle, not on it, so that an outline is never too small.
_CIRCLE_X, _CIRCLE_Y = np.cos(_CIRCLE) / np.cos(np.pi / 16), np.sin(_CIRCLE) / np.cos(np.pi / 16)
_QUARTERS = np.pi / 4 + np.pi / 2 * np.arange(4)


def outline(thing: SceneObject) -> NDArray[np.float64]:
    """Points (N, 3) of the world whose convex hull in the picture contains the object, closely."""
    half, height = thing.half_width, thing.height
    if thing.shape == "sphere":
        half *= 1.01  # in perspective the outline is a little larger than the circle at the centre
        across, up = half * _CIRCLE_X, half * _CIRCLE_Y
        rims = np.stack([across, up * SINE, up * COSINE + thing.radius], axis=-1)
    elif thing.shape == "cube":
        corner = half * math.sqrt(2)
        x, y = corner * np.cos(_QUARTERS + thing.turn), corner * np.sin(_QUARTERS + thing.turn)
        rims = _rims(x, y, height)
    else:
        rims = _rims(half * _CIRCLE_X, half * _CIRCLE_Y, height)
        if thing.shape == "cone":
            rims = np.concatenate([rims[: len(_CIRCLE)], [[0.0, 0.0, height]]])
    return rims + np.array([thing.x, thing.y, 0.0])


def _rims(x: NDArray[np.float64], y: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """The same outline (2N, 3) twice: on the ground and at a height."""
    low = np.stack([x, y, np.zeros_like(x)], axis=-1)
    return np.concatenate([low, low + np.array([0.0, 0.0, height])])


def box(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom) in [0, 1] around points (N, 3) of the world."""
    seen = project(points)[:, :2]
    (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
