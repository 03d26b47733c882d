"""Random scenes: scene k of seed S is a pure function of (S, k); margins keep it unambiguous."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np

from calotype.scenes.camera import box, column, outline
from calotype.scenes.scene import (
    COLOURS,
    GROUNDS,
    HELD_OUT,
    MATERIALS,
    RADII,
    SHAPES,
    SIZES,
    Ground,
    Light,
    Scene,
    SceneObject,
    Split,
)

PAIRS = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
TRAINING_PAIRS = tuple(pair for pair in PAIRS if pair not in HELD_OUT)

FRAME_MARGIN = 0.03  # smallest distance of an object from the edge, in picture widths
SIDE_MARGIN = 0.20  # smallest difference in column, in picture widths, that is "left of"
DEPTH_MARGIN = 1.2  # smallest difference in y that is "in front of"
CLEARANCE = 0.12  # smallest gap between two solids on the ground
MAX_COVERED = 0.25  # share of the farther object's box that the nearer object's box may cover


T = TypeVar("T")


class Draws:
    """Random numbers from a counter-based generator, determined by seed, index and purpose.

    The generator is numpy's Philox4x64-10. Only its raw integers are used: numpy guarantees that
    their stream does not change.
    """

    def __init__(self, seed: int, index: int, purpose: int):
        mask = 2**64 - 1
        key = np.array([seed & mask, index & mask], dtype=np.uint64)
        counter = np.array([0, 0, 0, purpose], dtype=np.uint64)
        self._bits = np.random.Philox(key=key, counter=counter)

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * ((int(self._bits.random_raw()) >> 11) * 2.0**-53)

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[int(self.uniform(0, len(items)))]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform(0, 1) < probability


@dataclass(frozen=True)
class Relation:
    """The position of one object relative to another; None where the margins do not decide it.

    side: "left" | "right" | None. depth: "front" | "behind" | None.
    """

    side: str | None
    depth: str | None


def relation(first: SceneObject, second: SceneObject) -> Relation:
    """The position of the first object relative to the second, as seen from the camera."""
    aside, away = middle_column(first) - middle_column(second), first.y - second.y
    side = None if abs(aside) < SIDE_MARGIN else "left" if aside < 0 else "right"
    depth = None if abs(away) < DEPTH_MARGIN else "front" if away < 0 else "behind"
    return Relation(side, depth)


def draw_scene(
    seed: int, index: int = 0, *, objects: tuple[int, int] = (1, 2), split: Split = "train"
) -> Scene:
    """Scene ``index`` of a seed.

    objects: smallest and largest number of objects, within 1 to 3. split: "train" has no pair of
    ``HELD_OUT``; "held_out" has exactly one; "all" draws from every pair.
    """
    least, most = objects
    assert 1 <= least <= most <= 3, objects
    draws = Draws(seed, index, purpose=1)
    pairs = _pairs(draws, draws.choice(range(least, most + 1)), split)
    things = _arrange(draws, pairs)
    ground = Ground(
        kind=draws.choice(GROUNDS),
        x=draws.uniform(0, 40),
        y=draws.uniform(0, 40),
        turn=draws.uniform(-0.6, 0.6),
        tone=draws.uniform(0.92, 1.08),
    )
    side = draws.choice((-1, 1))
    light = Light(
        azimuth=-math.pi / 2 + side * draws.uniform(0.65, 1.4),
        elevation=draws.uniform(0.70, 1.0),
        warmth=draws.uniform(-1, 1),
    )
    return Scene(things, ground, light)


def _pairs(draws: Draws, count: int, split: Split) -> list[tuple[str, str]]:
    """Different (colour, shape) pairs, one per object."""
    common = PAIRS if split == "all" else TRAINING_PAIRS
    pairs: list[tuple[str, str]] = []
    while len(pairs) < count:
        pair = draws.choice(common)
        if pair not in pairs:
            pairs.append(pair)
    if split == "held_out":
        pairs[draws.choice(range(count))] = draws.choice(sorted(HELD_OUT))
    return pairs


def _arrange(draws: Draws, pairs: Sequence[tuple[str, str]]) -> tuple[SceneObject, ...]:
    """Objects of these colours and shapes, redrawn until every margin holds."""
    for _ in range(10_000):
        things = tuple(_place(draws, colour, shape) for colour, shape in pairs)
        if holds_margins(things):
            return things
    raise AssertionError("no arrangement of the objects fits the picture")


def _place(draws: Draws, colour: str, shape: str) -> SceneObject:
    size = draws.choice(SIZES)
    return SceneObject(
        shape=shape,
        colour=colour,
        size=size,
        material=draws.choice(MATERIALS),
        x=draws.uniform(-2.1, 2.1),
        y=draws.uniform(-1.9, 2.2),
        radius=draws.uniform(*RADII[size]),
        # Two faces of a cube are always visible, one wider than the other.
        turn=math.radians(draws.choice((draws.uniform(15, 38), draws.uniform(52, 75)))),
    )


def holds_margins(things: Sequence[SceneObject]) -> bool:
    """Whether all objects are whole in the picture, separate, hardly covered and related."""
    pairs = list(combinations(range(len(things)), 2))
    if not all(_clear(things[i], things[j]) for i, j in pairs):
        return False  # most draws end here, before the outlines are computed
    boxes = [box(outline(thing)) for thing in things]
    inside = all(min(edges) >= FRAME_MARGIN and max(edges) <= 1 - FRAME_MARGIN for edges in boxes)
    return inside and all(
        _covered(things[i], things[j], boxes[i], boxes[j]) <= MAX_COVERED for i, j in pairs
    )


def _clear(first: SceneObject, second: SceneObject) -> bool:
    """Whether two objects are separate on the ground and have a relation."""
    return _separate(first, second) and relation(first, second) != Relation(None, None)


def middle_column(thing: SceneObject) -> float:
    """The column in [0, 1] of an object's middle."""
    return column(thing.x, thing.y, thing.height / 2)


def _reach(thing: SceneObject) -> float:
    """The largest horizontal distance of a solid's surface from its axis."""
    return thing.half_width * (math.sqrt(2) if thing.shape == "cube" else 1)


def _separate(first: SceneObject, second: SceneObject) -> bool:
    distance = math.hypot(first.x - second.x, first.y - second.y)
    return distance >= _reach(first) + _reach(second) + CLEARANCE


def _covered(
    first: SceneObject,
    second: SceneObject,
    first_box: tuple[float, float, float, float],
    second_box: tuple[float, float, float, float],
) -> float:
    """The share of the farther object's box that the nearer object's box covers."""
    left, top = max(first_box[0], second_box[0]), max(first_box[1], second_box[1])
    right, bottom = min(first_box[2], second_box[2]), min(first_box[3], second_box[3])
    far = first_box if first.y > second.y else second_box
    common = max(0.0, right - left) * max(0.0, bottom - top)
    return common / ((far[2] - far[0]) * (far[3] - far[1]))
