"""Closed-form intersections against the solids' own inequalities, sampled along the rays."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from calotype.scenes import SHAPES
from calotype.scenes.geometry import INTERSECT, normal

STEPS = 2000
REACH = 12.0


def level(shape: str, x: Tensor, y: Tensor, z: Tensor, half: float, height: float) -> Tensor:
    """Negative inside the solid, positive outside, about a distance near the surface."""
    around = (x * x + y * y).sqrt()
    between = (z - height / 2).abs() - height / 2
    if shape == "sphere":
        return (x * x + y * y + (z - half) ** 2).sqrt() - half
    if shape == "cube":
        return torch.maximum(torch.maximum(x.abs() - half, y.abs() - half), between)
    if shape == "cylinder":
        return torch.maximum(around - half, between)
    return torch.maximum(around - half * (1 - z / height), between)


def rays(seed: int, count: int, height: float) -> tuple[Tensor, Tensor]:
    """From points above the ground and outside the solid, most of them aimed at it."""
    generator = torch.Generator().manual_seed(seed)
    origin = torch.randn(3, count, generator=generator, dtype=torch.float64)
    origin = origin / origin.norm(dim=0) * (3 + 3 * torch.rand(count, generator=generator))
    origin[2] = origin[2].abs()
    target = torch.randn(3, count, generator=generator, dtype=torch.float64) * 0.7
    target[2] = target[2].abs() * height
    aim = target - origin
    return origin, aim / aim.norm(dim=0)


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=st.integers(0, 2**31), half=st.floats(0.3, 1.0), slim=st.floats(1.2, 2.6))
def test_entry_is_the_first_point_of_the_solid(shape, seed, half, slim):
    height = 2 * half if shape == "sphere" else slim * half
    origin, aim = rays(seed, 64, height)
    sizes = torch.full((64,), half).double(), torch.full((64,), height).double()
    t = INTERSECT[shape]((*origin,), (*aim,), *sizes)
    hit = ~torch.isinf(t)
    steps = torch.linspace(0, REACH, STEPS, dtype=torch.float64)[:, None]
    along = origin[:, None] + steps * aim[:, None]
    levels = level(shape, *along, half, height)
    assert hit[(levels < -1e-9).any(dim=0)].all()  # whatever enters the solid is a hit
    before = steps < torch.where(hit, t, REACH) - 1e-9
    assert (levels[before] > -1e-9).all()  # and no point before the entry is inside
    on_surface = level(shape, *(origin + t * aim)[:, hit], half, height)
    assert on_surface.abs().max() < 1e-6 if hit.any() else True


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=st.integers(0, 2**31), half=st.floats(0.3, 1.0))
def test_normals_are_the_slope_of_the_surface_and_face_the_ray(shape, seed, half):
    height = 2.0 * half
    origin, aim = rays(seed, 64, height)
    sizes = torch.full((64,), half).double(), torch.full((64,), height).double()
    t = INTERSECT[shape]((*origin,), (*aim,), *sizes)
    hit = (~torch.isinf(t)).nonzero()[:, 0]
    point = (origin + t * aim)[:, hit]
    facing = torch.stack(normal(shape, (*point,), sizes[0][hit], sizes[1][hit]))
    assert (facing.norm(dim=0) - 1).abs().max() < 1e-9 if len(hit) else True
    assert ((facing * aim[:, hit]).sum(dim=0) < 1e-6).all()
    # a step along the normal leaves the solid by the step's length, but at edges, where 0.2 % of it
    # already meet the next face
    step = 1e-4
    out = level(shape, *(point + step * facing), half, height)
    share = ((out - step).abs() < 0.3 * step).double().mean() if len(hit) else 1
    assert share > 0.9
