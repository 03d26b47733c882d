"""Scene: the record of one picture of the built-in world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SHAPES = ("sphere", "cube", "cylinder", "cone")
MATERIALS = ("matte", "metal")
SIZES = ("small", "large")
GROUNDS = ("wood", "checker", "sand", "grass", "stone")

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.72, 0.030, 0.025),
    "green": (0.045, 0.40, 0.06),
    "blue": (0.03, 0.10, 0.75),
    "yellow": (0.86, 0.66, 0.03),
    "purple": (0.30, 0.045, 0.52),
    "cyan": (0.04, 0.58, 0.62),
    "white": (0.86, 0.86, 0.86),
    "black": (0.022, 0.022, 0.025),
}
"""Colour names and their albedo in linear RGB, distinguishable under any shading."""

RADII = {"small": (0.47, 0.50), "large": (0.82, 0.88)}
"""Range of the nominal radius of each size, in units of the ground, with a gap between them."""

PROPORTIONS = {
    "sphere": (1.0, 2.0),
    "cube": (0.80, 1.60),
    "cylinder": (0.80, 1.75),
    "cone": (1.0, 2.15),
}
"""Half width (for a cube: half its side) and height of each shape, in nominal radii."""

HELD_OUT = frozenset(
    {("green", "cone"), ("purple", "cube"), ("yellow", "cylinder"), ("cyan", "sphere")}
)
"""(colour, shape) pairs that are never drawn for training; shapes and colours occur once each."""

Split = Literal["train", "held_out", "all"]


@dataclass(frozen=True)
class SceneObject:
    """A solid on the ground; lengths are in units of the ground.

    x, y: the point where its axis meets the ground; x to the right, y away from the camera.
    radius: nominal radius; it determines ``half_width`` and ``height`` with the shape.
    turn: angle about the vertical axis in radians; it is visible on cubes only.
    """

    shape: str
    colour: str
    size: str
    material: str
    x: float
    y: float
    radius: float
    turn: float

    @property
    def half_width(self) -> float:
        """Radius of the sphere, cylinder or cone's base; half the side of the cube."""
        return self.radius * PROPORTIONS[self.shape][0]

    @property
    def height(self) -> float:
        """Height of the top above the ground."""
        return self.radius * PROPORTIONS[self.shape][1]


@dataclass(frozen=True)
class Ground:
    """The plane under the objects: its material and the placement of its pattern.

    x, y, turn: shift and angle (radians) of the pattern. tone: factor of its brightness, near 1.
    """

    kind: str
    x: float
    y: float
    turn: float
    tone: float


@dataclass(frozen=True)
class Light:
    """One extended, distant lamp.

    azimuth: angle in radians from +x towards +y; the camera is at -pi/2. elevation: radians above
    the ground. warmth: from -1 (cool) to 1 (warm).
    """

    azimuth: float
    elevation: float
    warmth: float


@dataclass(frozen=True)
class Scene:
    """One to three objects on a ground under a light: all that a rendering depends on."""

    objects: tuple[SceneObject, ...]
    ground: Ground
    light: Light
