"""Scenes as flat tensors on a device, for the renderer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from calotype.scenes.camera import box, outline
from calotype.scenes.geometry import Vector, into_frame
from calotype.scenes.grounds import MEAN
from calotype.scenes.scene import COLOURS, GROUNDS, SHAPES, Light, Scene, SceneObject

LAMP_RADIUS = 0.10  # tangent of half the lamp's angular diameter: the softness of shadows
SUN = 1.75


@dataclass(frozen=True)
class Tables:
    """The P objects of B scenes, scene by scene, and the values of each scene.

    first, count: (B,), index of a scene's first object, and their number. kinds: (B,), grounds.
    scene, slot, shape: (P,) int64 of each object; slot counts from 1 within the scene.
    x, y, half, height, cosine, sine, metal: (P,) float; colour: three (P,).
    lamps: three (B, L), directions towards points of the lamp; lamp: three (B,), to its middle.
    sun, floor: three (B,), the lamp's colour and the ground's mean colour.
    ground: (5, B): shift x, y, cosine, sine of the pattern, tone.
    boxes, shadows: (P, 4), boxes in [0, 1] that contain an object and its shadow in the picture.
    """

    first: Tensor
    count: Tensor
    kinds: Tensor
    scene: Tensor
    slot: Tensor
    shape: Tensor
    x: Tensor
    y: Tensor
    half: Tensor
    height: Tensor
    cosine: Tensor
    sine: Tensor
    metal: Tensor
    colour: Vector
    lamps: Vector
    lamp: Vector
    sun: Vector
    floor: Vector
    ground: Tensor
    boxes: Tensor
    shadows: Tensor

    def into_object(self, owner: Tensor, point: Vector) -> Vector:
        """Points of the world in the frames of the objects ``owner``, one point for each."""
        moved = (point[0] - self.x[owner], point[1] - self.y[owner], point[2])
        return into_frame(moved, self.cosine[owner], self.sine[owner])

    def turn_into_object(self, owner: Tensor, direction: Vector) -> Vector:
        """Directions of the world in the frames of the objects ``owner``."""
        return into_frame(direction, self.cosine[owner], self.sine[owner])

    def turn_out_of_object(self, owner: Tensor, direction: Vector) -> Vector:
        """Directions in the frames of the objects ``owner``, turned into the world's frame."""
        return into_frame(direction, self.cosine[owner], -self.sine[owner])


def tabulate(scenes: Sequence[Scene], lamps: int, device: torch.device) -> Tables:
    """The tables of scenes, with ``lamps`` points for each lamp."""
    things = [thing for scene in scenes for thing in scene.objects]
    counts = [len(scene.objects) for scene in scenes]
    owners = [number for number, count in enumerate(counts) for _ in range(count)]
    directions = [_lamp_points(scene.light, lamps) for scene in scenes]

    def floats(values: object) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(device)

    def integers(values: object) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype=np.int64)).to(device)

    def vector(values: object) -> Vector:
        rows = floats(np.moveaxis(np.asarray(values), -1, 0))
        return rows[0], rows[1], rows[2]

    return Tables(
        first=integers(np.cumsum([0, *counts[:-1]])),
        count=integers(counts),
        kinds=integers([GROUNDS.index(scene.ground.kind) for scene in scenes]),
        scene=integers(owners),
        slot=integers([1 + slot for count in counts for slot in range(count)]),
        shape=integers([SHAPES.index(thing.shape) for thing in things]),
        x=floats([thing.x for thing in things]),
        y=floats([thing.y for thing in things]),
        half=floats([thing.half_width for thing in things]),
        height=floats([thing.height for thing in things]),
        cosine=floats([math.cos(thing.turn) for thing in things]),
        sine=floats([math.sin(thing.turn) for thing in things]),
        metal=floats([thing.material == "metal" for thing in things]),
        colour=vector([COLOURS[thing.colour] for thing in things]),
        lamps=vector(directions),
        lamp=vector([_towards(scene.light) for scene in scenes]),
        sun=vector([_sun(scene.light) for scene in scenes]),
        floor=vector([MEAN[scene.ground.kind] for scene in scenes]),
        ground=floats([_pattern(scene) for scene in scenes]).T.contiguous(),
        boxes=floats([box(outline(thing)) for thing in things]),
        shadows=floats(
            [_shadow_box(thing, directions[o]) for thing, o in zip(things, owners, strict=True)]
        ),
    )


def _towards(light: Light) -> tuple[float, float, float]:
    """Unit vector towards the middle of the lamp."""
    level = math.cos(light.elevation)
    return (
        level * math.cos(light.azimuth),
        level * math.sin(light.azimuth),
        math.sin(light.elevation),
    )


def _lamp_points(light: Light, count: int) -> np.ndarray:
    """Unit vectors (count, 3) towards evenly spread points of the lamp's disc, in a spiral."""
    towards = np.array(_towards(light))
    across = np.array([-math.sin(light.azimuth), math.cos(light.azimuth), 0.0])
    upward = np.cross(towards, across)
    number = np.arange(count)
    radius = LAMP_RADIUS * np.sqrt((number + 0.5) / count)
    angle = number * math.pi * (3 - math.sqrt(5))
    points = towards + radius[:, None] * (
        np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * upward
    )
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _sun(light: Light) -> tuple[float, float, float]:
    warmth = light.warmth
    return SUN * (1 + 0.05 * warmth), SUN, SUN * (1 - 0.09 * warmth)


def _pattern(scene: Scene) -> tuple[float, ...]:
    ground = scene.ground
    return ground.x, ground.y, math.cos(ground.turn), math.sin(ground.turn), ground.tone


def _shadow_box(thing: SceneObject, directions: np.ndarray) -> tuple[float, float, float, float]:
    """The box in [0, 1] that contains an object's shadow on the ground, penumbra included."""
    reach, height = thing.half_width, thing.height
    if thing.shape == "cube":
        reach *= math.sqrt(2)
    corners = np.array([(x, y) for x in (-reach, reach) for y in (-reach, reach)])
    top = corners * 0 if thing.shape == "cone" else corners
    slide = height * directions[:, :2] / directions[:, 2:]
    fallen = (top[None] - slide[:, None]).reshape(-1, 2)
    flat = np.concatenate([corners, fallen]) + np.array([thing.x, thing.y])
    return box(np.concatenate([flat, np.zeros((len(flat), 1))], axis=1))
