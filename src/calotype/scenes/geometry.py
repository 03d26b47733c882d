"""Intersections of rays with solids in closed form, elementwise over (ray, object) pairs.

Only + - * / and square roots are used, here and in the shading: these are rounded the same in every
lane of a vector unit, so a picture has the same bits in any batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Vector = tuple[Tensor, Tensor, Tensor]

EPSILON = 1e-9
MISS = torch.inf


def dot(a: Vector, b: Vector) -> Tensor:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def along(origin: Vector, direction: Vector, t: Tensor) -> Vector:
    """origin + t direction."""
    return (
        origin[0] + t * direction[0],
        origin[1] + t * direction[1],
        origin[2] + t * direction[2],
    )


def unit(a: Vector) -> Vector:
    """The vector scaled to length 1."""
    scale = 1 / dot(a, a).sqrt()
    return a[0] * scale, a[1] * scale, a[2] * scale


def into_frame(a: Vector, cosine: Tensor, sine: Tensor) -> Vector:
    """The vector in a frame rotated about the vertical axis, by cosine and sine of the angle."""
    return a[0] * cosine + a[1] * sine, a[1] * cosine - a[0] * sine, a[2]


def sphere(origin: Vector, direction: Vector, half: Tensor, height: Tensor) -> Tensor:
    """The entry of a ray into the sphere that touches the ground at the origin of the frame."""
    x, y, z = origin[0], origin[1], origin[2] - half
    a = dot(direction, direction)
    b = x * direction[0] + y * direction[1] + z * direction[2]
    discriminant = b * b - a * (x * x + y * y + z * z - half * half)
    t = (-b - discriminant.clamp(min=0).sqrt()) / a
    return _entry(t, discriminant > 0)


def cube(origin: Vector, direction: Vector, half: Tensor, height: Tensor) -> Tensor:
    """The entry into the upright box of half width ``half`` in x and y (slab method)."""
    near_x, far_x = _slab(origin[0], direction[0], -half, half)
    near_y, far_y = _slab(origin[1], direction[1], -half, half)
    near_z, far_z = _slab(origin[2], direction[2], 0 * height, height)
    near = torch.maximum(torch.maximum(near_x, near_y), near_z)
    far = torch.minimum(torch.minimum(far_x, far_y), far_z)
    return _entry(near, near <= far)


def cylinder(origin: Vector, direction: Vector, half: Tensor, height: Tensor) -> Tensor:
    """The entry into the upright capped cylinder: an infinite one cut by a slab."""
    a = (direction[0] * direction[0] + direction[1] * direction[1]).clamp(min=EPSILON)
    b = origin[0] * direction[0] + origin[1] * direction[1]
    c = origin[0] * origin[0] + origin[1] * origin[1] - half * half
    discriminant = b * b - a * c
    root = discriminant.clamp(min=0).sqrt()
    near_z, far_z = _slab(origin[2], direction[2], 0 * height, height)
    near = torch.maximum((-b - root) / a, near_z)
    far = torch.minimum((-b + root) / a, far_z)
    return _entry(near, (discriminant > 0) & (near <= far))


def cone(origin: Vector, direction: Vector, half: Tensor, height: Tensor) -> Tensor:
    """The first point of a ray on the lateral surface of the upright cone.

    The base is on the ground, where no visible ray enters.
    """
    slope = half / height
    slope = slope * slope
    (x, y, z), (dx, dy, dz) = origin, direction
    z = z - height
    a = dx * dx + dy * dy - slope * dz * dz
    b = x * dx + y * dy - slope * z * dz
    c = x * x + y * y - slope * z * z
    a = torch.where(a.abs() < EPSILON, EPSILON, a)
    discriminant = b * b - a * c
    root = discriminant.clamp(min=0).sqrt()
    first = _on_cone((-b - root) / a, origin[2], direction[2], height)
    second = _on_cone((-b + root) / a, origin[2], direction[2], height)
    return _entry(torch.minimum(first, second), discriminant > 0)


INTERSECT: dict[str, Callable[[Vector, Vector, Tensor, Tensor], Tensor]] = {
    "sphere": sphere,
    "cube": cube,
    "cylinder": cylinder,
    "cone": cone,
}
"""Shape -> (origin, direction, half width, height) -> t > 0 of the entry, infinite for a miss.

Origin and direction are in the object's own frame. All tensors have one shape.
"""


def normal(shape: str, point: Vector, half: Tensor, height: Tensor) -> Vector:
    """The outward unit normal at a point of the surface, both in the object's own frame."""
    x, y, z = point
    nothing = torch.zeros_like(x)
    if shape == "sphere":
        return unit((x, y, z - half))
    if shape == "cube":
        # The face nearest to the point: coordinates from the middle in units of half a side.
        sides = torch.stack([x / half, y / half, 2 * z / height - 1])
        face = sides.abs().argmax(dim=0)
        signs = torch.where(sides > 0, 1.0, -1.0)
        parts = [torch.where(face == axis, signs[axis], nothing) for axis in range(3)]
        return parts[0], parts[1], parts[2]
    if shape == "cylinder":
        top = (z >= height * 0.9999) & (x * x + y * y < half * half * 0.9999)
        return (
            torch.where(top, nothing, x / half),
            torch.where(top, nothing, y / half),
            torch.where(top, 1.0, nothing),
        )
    return unit((x, y, half / height * (x * x + y * y).sqrt()))


def _entry(t: Tensor, hit: Tensor) -> Tensor:
    """t where the ray hits in front of its origin, else infinite."""
    return torch.where(hit & (t > 1e-4), t, MISS)


def _slab(origin: Tensor, direction: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """t at which a ray enters and leaves the space between two parallel planes."""
    inverse = 1 / torch.where(direction.abs() < EPSILON, EPSILON, direction)
    first, second = (low - origin) * inverse, (high - origin) * inverse
    return torch.minimum(first, second), torch.maximum(first, second)


def _on_cone(t: Tensor, z: Tensor, rise: Tensor, height: Tensor) -> Tensor:
    """t where its point has a height in [0, height], in front of the origin; else infinite."""
    level = z + t * rise
    return torch.where((level >= 0) & (level <= height) & (t > 1e-4), t, MISS)
