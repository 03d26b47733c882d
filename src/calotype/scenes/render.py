"""render: scenes -> pictures, depth, maps and boxes, in batches on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from calotype.scenes import camera, shading
from calotype.scenes.geometry import INTERSECT, Vector, along, normal
from calotype.scenes.scene import GROUNDS, SHAPES, Scene
from calotype.scenes.tables import Tables, tabulate

LAMP_TRIES = 5  # shadow rays per sample; a pixel has samples^2 times as many
RAYS_AT_ONCE = {"cpu": 2**19, "cuda": 2**24}
VIGNETTE = 0.10
SHOULDER = 0.6

SEMANTIC_CLASSES = (*GROUNDS, *SHAPES)
"""The meanings of the numbers in a semantic map."""


@dataclass(frozen=True)
class Rendering:
    """Pictures and maps of B scenes.

    pictures: (B, 3, H, W) float in [-1, 1], sRGB.
    depth: (B, H, W) float, distance along the camera's axis in units of the ground.
    objects: (B, H, W) int8, 0 for ground, else 1 + the object's index in ``scene.objects``.
    semantic: (B, H, W) int8, index into ``SEMANTIC_CLASSES``.
    boxes: (B, 3, 4) float, left, top, right, bottom of the visible part of each object, in pixels;
        zeros where a scene has fewer objects.
    """

    pictures: Tensor
    depth: Tensor
    objects: Tensor
    semantic: Tensor
    boxes: Tensor


@torch.no_grad()
def render(
    scenes: Sequence[Scene],
    size: int = 128,
    samples: int = 2,
    device: torch.device | str = "cpu",
) -> Rendering:
    """Render scenes at size x size pixels with samples x samples rays per pixel.

    A picture does not depend on the others in the batch; on a CPU it is the same bit for bit.
    """
    device = torch.device(device)
    fit = RAYS_AT_ONCE.get(device.type, RAYS_AT_ONCE["cpu"]) // (size * samples) ** 2
    step = max(1, fit)
    parts = [
        _render(scenes[start : start + step], size, samples, device)
        for start in range(0, len(scenes), step)
    ]
    return Rendering(
        *(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Rendering))
    )


def _render(scenes: Sequence[Scene], size: int, samples: int, device: torch.device) -> Rendering:
    """Render one chunk: intersect every ray with the ground, rays near an object with it; shade."""
    across = size * samples
    tables = tabulate(scenes, LAMP_TRIES * samples * samples, device)
    direction = camera.rays(across, device)
    ground_depth = -camera.POSITION[2] / direction[2]
    hits = _find_hits(tables, direction, ground_depth, len(scenes), across)
    colour = _shade_ground(tables, direction, ground_depth, samples, across)
    shade = _shade_hits(tables, hits, samples, across)
    for channel in range(3):
        colour[channel].view(-1)[hits.ray] = shade[channel]
    depth = ground_depth.repeat(len(scenes), 1)
    depth.view(-1)[hits.ray] = hits.depth
    slots = torch.zeros(len(scenes), across * across, dtype=torch.int8, device=device)
    slots.view(-1)[hits.ray] = tables.slot[hits.owner].to(torch.int8)
    return _develop(tables, colour, depth, slots, size, samples)


@dataclass(frozen=True)
class _Hits:
    """The first intersections of rays with objects, (N,) each.

    ray: index within the chunk. owner: index of the object. point, normal: in the world.
    """

    ray: Tensor
    owner: Tensor
    depth: Tensor
    point: Vector
    normal: Vector


def _pairs(boxes: Tensor, tables: Tables, across: int) -> tuple[Tensor, Tensor]:
    """All (object, ray) pairs with the ray in the object's box; rays are indexed in the chunk."""
    low = (boxes[:, :2] * across).floor().clamp(0, across).long()
    high = (boxes[:, 2:] * across).ceil().clamp(0, across).long()
    width = (high[:, 0] - low[:, 0]).clamp(min=0)
    count = width * (high[:, 1] - low[:, 1]).clamp(min=0)
    owner = torch.repeat_interleave(torch.arange(len(boxes), device=boxes.device), count)
    start = count.cumsum(0) - count
    place = torch.arange(len(owner), device=boxes.device) - start[owner]
    row = torch.div(place, width[owner], rounding_mode="floor")
    column = place - row * width[owner]
    ray = (low[owner, 1] + row) * across + low[owner, 0] + column
    return owner, tables.scene[owner] * across * across + ray


def _find_hits(
    tables: Tables, direction: Vector, ground_depth: Tensor, scenes: int, across: int
) -> _Hits:
    owner, ray = _pairs(tables.boxes, tables, across)
    local = ray % (across * across)
    eye = tuple(torch.full_like(direction[0][local], axis) for axis in camera.POSITION)
    origin = tables.into_object(owner, (eye[0], eye[1], eye[2]))
    ahead = tables.turn_into_object(owner, _pick(direction, local))
    half, height = tables.half[owner], tables.height[owner]
    depth = torch.full_like(half, torch.inf)
    shapes = [(tables.shape[owner] == number).nonzero()[:, 0] for number in range(len(SHAPES))]
    for shape, chosen in zip(SHAPES, shapes, strict=True):
        depth[chosen] = INTERSECT[shape](
            _pick(origin, chosen), _pick(ahead, chosen), half[chosen], height[chosen]
        )
    nearest = ground_depth.repeat(scenes).scatter_reduce(0, ray, depth, "amin")
    first = depth == nearest[ray]
    point = along(origin, ahead, depth)
    facing = tuple(torch.zeros_like(half) for _ in range(3))
    for shape, chosen in zip(SHAPES, shapes, strict=True):
        parts = normal(shape, _pick(point, chosen), half[chosen], height[chosen])
        for axis in range(3):
            facing[axis][chosen] = parts[axis]
    kept = first.nonzero()[:, 0]
    owner = owner[kept]
    outward = tables.turn_out_of_object(owner, _pick((facing[0], facing[1], facing[2]), kept))
    world = tables.turn_out_of_object(owner, _pick(point, kept))
    place = (world[0] + tables.x[owner], world[1] + tables.y[owner], world[2])
    return _Hits(ray[kept], owner, depth[kept], place, outward)


def _lamp_choice(ray: Tensor, samples: int, across: int) -> Tensor:
    """The lamp points (N, LAMP_TRIES) tested for each ray: the samples of a pixel test others."""
    local = ray % (across * across)
    row, column = torch.div(local, across, rounding_mode="floor") % samples, local % samples
    turn = (row * samples + column)[:, None]
    return turn + samples * samples * torch.arange(LAMP_TRIES, device=ray.device)


def _shade_ground(
    tables: Tables, direction: Vector, depth: Tensor, samples: int, across: int
) -> Vector:
    scenes = len(tables.count)
    place = (
        camera.POSITION[0] + depth * direction[0],
        camera.POSITION[1] + depth * direction[1],
        torch.zeros_like(depth),
    )
    colour = torch.empty(3, scenes, across * across, device=depth.device)
    for kind in range(len(GROUNDS)):
        chosen = (tables.kinds == kind).nonzero()[:, 0]
        if chosen.numel():
            parts = shading.ground_colour(tables, chosen, place[0][None], place[1][None], kind)
            for channel in range(3):
                colour[channel, chosen] = parts[channel]
    owner, ray = _pairs(tables.shadows, tables, across)
    point = _pick(place, ray % (across * across))
    part = shading.lamp_seen(tables, point, owner, _lamp_choice(ray, samples, across))
    seen = torch.ones(scenes * across * across, device=depth.device)
    seen = seen.scatter_reduce(0, ray, part, "amin").view(scenes, -1)
    open_, tint = _cover(tables, place, scenes)
    lit = shading.light_ground(tables, (colour[0], colour[1], colour[2]), seen, open_, tint)
    return shading.haze(lit, depth)


def _cover(tables: Tables, place: Vector, scenes: int) -> tuple[Tensor, Vector]:
    """The part of the sky that objects cover, and the light that they reflect: (B, R) each."""
    cover = torch.zeros(scenes, len(place[0]), device=place[0].device)
    tint = (torch.zeros_like(cover), torch.zeros_like(cover), torch.zeros_like(cover))
    for slot in range(3):
        present = (tables.count > slot).nonzero()[:, 0]
        if present.numel() == 0:
            break
        owner = (tables.first[present] + slot)[:, None]
        part = shading.coverage(tables, owner, place)
        cover[present] = cover[present] + (1 - cover[present]) * part
        for channel in range(3):
            thrown = part * (tables.colour[channel][owner] * 0.14)
            tint[channel][present] = tint[channel][present] + thrown
    return cover, tint


def _shade_hits(tables: Tables, hits: _Hits, samples: int, across: int) -> Vector:
    seen = torch.ones_like(hits.depth)
    scene = tables.scene[hits.owner]
    tries = _lamp_choice(hits.ray, samples, across)
    for slot in range(3):
        other = tables.first[scene] + slot
        chosen = ((tables.count[scene] > slot) & (other != hits.owner)).nonzero()[:, 0]
        if chosen.numel():
            point = _pick(hits.point, chosen)
            part = shading.lamp_seen(tables, point, other[chosen], tries[chosen])
            seen[chosen] = torch.minimum(seen[chosen], part)
    return shading.light_objects(tables, hits.owner, hits.point, hits.normal, seen)


def _pick(vector: Vector, index: Tensor) -> Vector:
    return vector[0][index], vector[1][index], vector[2][index]


def _develop(
    tables: Tables, colour: Vector, depth: Tensor, slots: Tensor, size: int, samples: int
) -> Rendering:
    """From rays to pixels: average the light, take the object of most rays, encode sRGB."""
    light = torch.stack([_average(soften(channel), size, samples) for channel in colour], dim=1)
    steps = (torch.arange(size, device=light.device) + 0.5) * (2 / size) - 1
    fall = 1 - VIGNETTE * (steps[:, None] * steps[:, None] + steps * steps)
    pictures = encode(light * fall) * 2 - 1
    objects = torch.zeros(len(light), size, size, dtype=torch.int8, device=light.device)
    shown = _average(depth, size, samples)
    for slot in (1, 2, 3):
        part = (slots == slot).to(torch.float32)
        share = _average(part, size, samples)
        mine = share >= 0.5
        objects = torch.where(mine, slot, objects)
        own = _average(torch.where(slots == slot, depth, 0), size, samples)
        shown = torch.where(mine, own / share.clamp(min=0.5), shown)
    objects = objects.to(torch.int8)
    return Rendering(pictures, shown, objects, _semantic(tables, objects), _boxes(objects))


def _average(values: Tensor, size: int, samples: int) -> Tensor:
    """Rays (B, R) -> means (B, size, size), summed in a fixed order."""
    grid = values.view(-1, size, samples, size, samples)
    total = grid[:, :, 0, :, 0]
    for number in range(1, samples * samples):
        total = total + grid[:, :, number // samples, :, number % samples]
    return total * (1 / (samples * samples))


def soften(light: Tensor) -> Tensor:
    """Tone mapping of light >= 0 to [0, 1): linear up to ``SHOULDER``, then smoothly saturating."""
    over = (light - SHOULDER).clamp(min=0)
    return light.clamp(0, SHOULDER) + (1 - SHOULDER) * over / (over + (1 - SHOULDER))


def encode(light: Tensor) -> Tensor:
    """Linear light in [0, 1] -> sRGB in [0, 1], by square roots only.

    The weights are a least-squares fit to the curve of the standard and add up to 1. The error is
    below 0.012 for light above 0.0005.
    """
    half = light.clamp(0, 1).sqrt()
    quarter = half.sqrt()
    eighth = quarter.sqrt()
    curve = 0.68788653 * half + 0.64698853 * quarter - 0.30595233 * eighth - 0.02892342 * light
    return curve.clamp(0, 1)


def _semantic(tables: Tables, objects: Tensor) -> Tensor:
    """The semantic map (B, H, W): the class of the object or the ground at each pixel."""
    classes = torch.zeros(len(objects), 4, dtype=torch.int8, device=objects.device)
    classes[:, 0] = tables.kinds.to(torch.int8)
    classes[tables.scene, tables.slot] = (tables.shape + len(GROUNDS)).to(torch.int8)
    scene = torch.arange(len(objects), device=objects.device)[:, None, None]
    return classes[scene, objects.long()]


def _boxes(objects: Tensor) -> Tensor:
    """Boxes (B, 3, 4) of each object's pixels: left, top, right, bottom, the last two exclusive."""
    size = objects.shape[-1]
    edges = torch.arange(size, device=objects.device)
    boxes = []
    for slot in (1, 2, 3):
        mask = objects == slot
        box = []
        for along_axis in (1, 2):
            line = mask.any(dim=along_axis)
            first = torch.where(line, edges, size).amin(dim=1)
            last = torch.where(line, edges + 1, 0).amax(dim=1)
            box.append((torch.minimum(first, last), last))
        (left, right), (top, bottom) = box
        boxes.append(torch.stack([left, top, right, bottom], dim=1))
    return torch.stack(boxes, dim=1).to(torch.float32)
