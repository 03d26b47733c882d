"""Shading: the visible part of the lamp at each point, and the light sent to the camera."""

from __future__ import annotations

import torch
from torch import Tensor

from calotype.scenes.camera import POSITION
from calotype.scenes.geometry import INTERSECT, Vector, dot, unit
from calotype.scenes.grounds import albedo
from calotype.scenes.scene import GROUNDS, SHAPES
from calotype.scenes.tables import Tables

SKY = (0.50, 0.54, 0.60)
HAZE = (0.46, 0.49, 0.53)
HAZE_START, HAZE_LENGTH, HAZE_MOST = 14.0, 11.0, 0.55


def lamp_seen(tables: Tables, point: Vector, owner: Tensor, points: Tensor) -> Tensor:
    """The part of the lamp in [0, 1], (N,), that one object leaves visible from each point.

    point: three (N,), in the world. owner: (N,), the object that may block the lamp.
    points: (N, S), indices of the scene's lamp points to test.
    """
    seen = torch.ones_like(point[0])
    scene = tables.scene[owner]
    for number, shape in enumerate(SHAPES):
        chosen = (tables.shape[owner] == number).nonzero()[:, 0]
        if chosen.numel() == 0:
            continue
        who, where = owner[chosen], scene[chosen]
        origin = tables.into_object(who, (point[0][chosen], point[1][chosen], point[2][chosen]))
        half, height = tables.half[who], tables.height[who]
        cosine, sine = tables.cosine[who], tables.sine[who]
        free = torch.zeros_like(half)
        for sample in range(points.shape[1]):
            place = points[chosen, sample]
            x, y, z = (axis[where, place] for axis in tables.lamps)
            direction = (x * cosine + y * sine, y * cosine - x * sine, z)
            free = free + torch.isinf(INTERSECT[shape](origin, direction, half, height))
        seen[chosen] = free / points.shape[1]
    return seen


def coverage(tables: Tables, owner: Tensor, point: Vector) -> Tensor:
    """The part of the sky in [0, 1] that an object covers, seen from points of the ground.

    Every shape is treated as a sphere around its middle: solid angle times cosine.
    """
    height = tables.height[owner] * 0.5
    x, y = point[0] - tables.x[owner], point[1] - tables.y[owner]
    square = x * x + y * y + height * height
    reciprocal = 1 / square.sqrt()
    size = tables.half[owner] + height
    cover = 0.25 * size * size * height * reciprocal * reciprocal * reciprocal
    return cover.clamp(max=1)


def ground_colour(tables: Tables, scene: Tensor, x: Tensor, y: Tensor, kind: int) -> Vector:
    """Albedo of grounds of one kind.

    scene: (n,), indices. x, y: (n,), one point for each; or (1, R), the same points for each, for a
    result of (n, R).
    """
    shift_x, shift_y, cosine, sine, tone = (
        row[scene] if x.shape == scene.shape else row[scene][:, None] for row in tables.ground
    )
    red, green, blue = albedo(
        GROUNDS[kind], x * cosine + y * sine + shift_x, y * cosine - x * sine + shift_y
    )
    return red * tone, green * tone, blue * tone


def light_ground(
    tables: Tables, colour: Vector, seen: Tensor, cover: Tensor, tint: Vector
) -> Vector:
    """Light from points (B, R) of the ground: lamp, sky, and light reflected by objects (tint)."""
    channels = []
    for channel in range(3):
        sun = (tables.sun[channel] * tables.lamp[2])[:, None]
        sky = SKY[channel] * (1 - 0.80 * cover)
        channels.append(colour[channel] * (sun * seen + sky + sun * tint[channel]))
    return channels[0], channels[1], channels[2]


def haze(colour: Vector, depth: Tensor) -> Vector:
    """Blend distant ground into the colour of the air."""
    part = ((depth - HAZE_START) / HAZE_LENGTH).clamp(0, 1)
    part = HAZE_MOST * part * (2 - part)
    return (
        colour[0] + (HAZE[0] - colour[0]) * part,
        colour[1] + (HAZE[1] - colour[1]) * part,
        colour[2] + (HAZE[2] - colour[2]) * part,
    )


def light_objects(
    tables: Tables, owner: Tensor, point: Vector, normal: Vector, seen: Tensor
) -> Vector:
    """Light from points (N,) of the objects ``owner`` towards the camera."""
    scene = tables.scene[owner]
    lamp = tables.lamp[0][scene], tables.lamp[1][scene], tables.lamp[2][scene]
    view = unit((POSITION[0] - point[0], POSITION[1] - point[1], POSITION[2] - point[2]))
    facing = dot(normal, view).clamp(min=0)
    mirrored = (
        2 * facing * normal[0] - view[0],
        2 * facing * normal[1] - view[1],
        2 * facing * normal[2] - view[2],
    )
    lambert = dot(normal, lamp).clamp(min=0) * seen
    skyward = 0.5 + 0.5 * normal[2]
    level = (point[2] / tables.height[owner]).clamp(0, 1)
    near = 1 - 0.55 * (1 - skyward) * (1 - level)
    edge = 1 - facing
    fresnel = edge * edge * edge * edge * edge
    gleam = dot(mirrored, lamp).clamp(min=0)
    gleam4 = gleam * gleam * gleam * gleam
    gleam16 = gleam4 * gleam4 * gleam4 * gleam4
    spark = 1.1 * gleam16 * gleam16 * gleam16 * gleam16 + 0.10 * gleam16
    streak = _streak(tables, owner, normal, view, lamp) + _pane(tables, owner, point, normal)
    floor = _mirrored_floor(tables, owner, point, mirrored)
    low = 1 - mirrored[2].clamp(min=0)  # the sky that metal reflects is brightest at the horizon
    metal = tables.metal[owner]
    channels = []
    for channel in range(3):
        base, sun = tables.colour[channel][owner], tables.sun[channel][scene]
        bounce = tables.floor[channel][scene] * (0.55 * (1 - skyward))
        ambient = (SKY[channel] * skyward + bounce) * near
        matte = base * (lambert * sun + ambient * 1.15) + 0.02 * gleam4 * seen * sun
        tinted = base + (1 - base) * (0.05 + 0.45 * fresnel)
        above = SKY[channel] * (0.40 + 2.5 * low * low) + sun * 0.35 * gleam4
        world = torch.where(mirrored[2] > 0, above, floor[channel])
        shiny = tinted * world * 0.85 + base * (0.34 * lambert * sun + 0.20 * ambient)
        shiny = shiny + sun * seen * (spark + (0.1 + 0.5 * base) * streak)
        channels.append(matte + (shiny - matte) * metal)
    return channels[0], channels[1], channels[2]


def _streak(tables: Tables, owner: Tensor, normal: Vector, view: Vector, lamp: Vector) -> Tensor:
    """The vertical highlight on metal cylinders and cones (anisotropic reflection)."""
    turned = (tables.shape[owner] >= SHAPES.index("cylinder")) & (normal[2] < 0.9)
    x, y = view[0] + lamp[0], view[1] + lamp[1]
    level = (x * normal[0] + y * normal[1]).clamp(min=0)
    square = (x * x + y * y) * (normal[0] * normal[0] + normal[1] * normal[1])
    part = level * level / square.clamp(min=1e-6)
    part4 = part * part * part * part
    return torch.where(turned, part4 * part4 * part4 * part4, 0)


def _pane(tables: Tables, owner: Tensor, point: Vector, normal: Vector) -> Tensor:
    """The slanted highlight on the sides of metal cubes: a long lamp reflected in them."""
    polished = (tables.shape[owner] == SHAPES.index("cube")) & (normal[2] < 0.5)
    aside = (point[0] - tables.x[owner]) / tables.half[owner]
    place = (0.55 * aside - point[2] / tables.height[owner] + 0.5) * 2.8
    bump = (1 - place * place).clamp(min=0)
    return torch.where(polished, 0.6 * bump * bump, 0)


def _mirrored_floor(tables: Tables, owner: Tensor, point: Vector, mirrored: Vector) -> Vector:
    """The light of the ground reflected at each point; undefined for rays above the horizon."""
    scene = tables.scene[owner]
    down = (-mirrored[2]).clamp(min=0.02)
    reach = point[2].clamp(min=0) / down
    place = (
        point[0] + reach * mirrored[0],
        point[1] + reach * mirrored[1],
        torch.zeros_like(reach),
    )
    far = (reach / 7).clamp(max=1)
    cover = coverage(tables, owner, place)
    kinds = tables.kinds[scene]
    shown = torch.empty(3, *reach.shape, device=reach.device)
    for kind in range(len(GROUNDS)):
        chosen = (kinds == kind).nonzero()[:, 0]
        if chosen.numel():
            x, y = place[0][chosen], place[1][chosen]
            parts = ground_colour(tables, scene[chosen], x, y, kind)
            for channel in range(3):
                shown[channel, chosen] = parts[channel]
    channels = []
    for channel in range(3):
        mean = tables.floor[channel][scene]
        sun = tables.sun[channel][scene] * tables.lamp[2][scene]
        lit = sun * (1 - 0.75 * cover) + SKY[channel]
        plain = shown[channel] + (mean - shown[channel]) * far
        channels.append(plain * lit * 0.9)
    return channels[0], channels[1], channels[2]
