"""Every sampler, schedule and source of noise makes a picture; options have their effect."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import calotype
from calotype.generate.names import SamplerName
from calotype.model import LatentDiffusion


@pytest.fixture(scope="module")
def model(tiny: Path) -> LatentDiffusion:
    return calotype.load(tiny)


def made(model: LatentDiffusion, images: int = 1, **fields) -> list[np.ndarray]:
    sampling = calotype.Sampling(**{"steps": 4, "seed": 3, "sampler": "euler", **fields})
    request = calotype.Request(prompt="a red cube", images=images, sampling=sampling)
    return [np.asarray(picture.image) for picture in calotype.run(model, request)]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


@pytest.mark.parametrize("name", get_args(SamplerName))
def test_every_sampler_makes_a_picture_alone_and_in_a_batch(model, name: str) -> None:
    first, second = made(model, images=2, sampler=name, steps=3)
    (alone,) = made(model, sampler=name, steps=3, seed=4)
    assert first.std() > 0
    # Larger products may be rounded in another order, and a pixel to its neighbour.
    assert np.abs(alone.astype(int) - second).max() <= 1


def test_guidance_ends_and_begins_where_it_says(model) -> None:
    none, whole = made(model, guidance_scale=1), made(model, guidance_scale=6)
    assert same(made(model, guidance_scale=6, guidance_end=0), none)
    assert same(made(model, guidance_scale=6, guidance_start=1), none)
    part = made(model, guidance_scale=6, guidance_start=0.5)
    assert not same(part, none)
    assert not same(part, whole)


def test_each_program_has_its_own_noise(model) -> None:
    pictures = [made(model, noise=mode) for mode in ("philox", "torch", "nv")]
    assert not same(pictures[0], pictures[1])
    assert not same(pictures[1], pictures[2])
    assert same(
        made(model, noise="torch", sampler="euler_ancestral"),
        made(model, noise="torch", sampler="euler_ancestral"),
    )


def test_a_variation_of_full_strength_is_its_own_seed(model) -> None:
    whole = made(model, seed=3, variation_seed=8, variation_strength=1.0)
    assert np.abs(whole[0].astype(int) - made(model, seed=8)[0]).max() <= 1
    few = made(model, images=2, variation_seed=8, variation_strength=0.1)
    plain = made(model)[0].astype(int)
    away = [np.abs(each.astype(int) - plain).mean() for each in few]
    assert min(away) > 0
    assert max(away) < np.abs(made(model, seed=8)[0].astype(int) - plain).mean()


def test_names_of_other_programs_make_their_walks(model) -> None:
    assert same(
        made(model, sampler="DPM++ 2M Karras"), made(model, sampler="k_dpm++2m", schedule="karras")
    )
