"""Scenes are pure functions of (seed, index), never ambiguous, and held-out pairs are separate."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.scenes import (
    COLOURS,
    GROUNDS,
    HELD_OUT,
    SHAPES,
    Scene,
    SceneObject,
    draw_scene,
    relation,
)
from calotype.scenes.camera import box, column, outline, project
from calotype.scenes.draw import DEPTH_MARGIN, SIDE_MARGIN, Draws

PINNED_DRAWS = [0.06344102965932141, 0.707504754819708, 0.27756060377104574]
PINNED_OBJECT = ("cone", "purple", "small", "metal")
PINNED_X = 1.3867785013703626

seeds = st.integers(0, 2**64 - 1)
indices = st.integers(0, 2**40)
ranges = st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3), (3, 3)])
splits = st.sampled_from(["train", "held_out", "all"])


def pairs(scene: Scene) -> list[tuple[str, str]]:
    return [(thing.colour, thing.shape) for thing in scene.objects]


def test_draws_are_pinned():
    """Models are trained on these scenes: the stream must not change with numpy or with us."""
    draws = Draws(1, 2, purpose=3)
    drawn = [draws.uniform(0, 1) for _ in range(3)]
    assert drawn == PINNED_DRAWS
    thing = draw_scene(0, 0, objects=(2, 2)).objects[0]
    assert (thing.shape, thing.colour, thing.size, thing.material) == PINNED_OBJECT
    assert thing.x == pytest.approx(PINNED_X, abs=1e-12)


@given(seed=seeds, index=indices, objects=ranges, split=splits)
def test_scene_depends_on_seed_and_index_only(seed, index, objects, split):
    first = draw_scene(seed, index, objects=objects, split=split)
    draw_scene(seed + 1, index + 1)
    np.random.default_rng().random(3)
    assert draw_scene(seed, index, objects=objects, split=split) == first
    assert objects[0] <= len(first.objects) <= objects[1]


@given(seed=seeds, objects=ranges)
def test_neighbours_differ(seed, objects):
    scenes = {draw_scene(seed, index, objects=objects) for index in range(4)}
    scenes |= {draw_scene(seed ^ 1, index, objects=objects) for index in range(4)}
    assert len(scenes) == 8


@given(seed=seeds, index=indices, objects=ranges)
def test_held_out_pairs_are_never_in_training_and_once_in_held_out(seed, index, objects):
    train = draw_scene(seed, index, objects=objects, split="train")
    assert not HELD_OUT & set(pairs(train))
    held_out = draw_scene(seed, index, objects=objects, split="held_out")
    assert sum(pair in HELD_OUT for pair in pairs(held_out)) == 1


def test_every_word_of_the_world_occurs_often_in_training():
    scenes = [draw_scene(3, index) for index in range(600)]
    things = [thing for scene in scenes for thing in scene.objects]
    for names, counts in [
        (SHAPES, Counter(thing.shape for thing in things)),
        (COLOURS, Counter(thing.colour for thing in things)),
        (GROUNDS, Counter(scene.ground.kind for scene in scenes)),
    ]:
        for name in names:  # at least half of an even share
            assert counts[name] > 0.5 * counts.total() / len(names), name
    colours, shapes = ([pair[axis] for pair in HELD_OUT] for axis in (0, 1))
    assert len(set(colours)) == len(set(shapes)) == len(HELD_OUT)


def test_split_all_draws_held_out_pairs_too():
    drawn = {pair for index in range(300) for pair in pairs(draw_scene(5, index, split="all"))}
    assert drawn >= HELD_OUT


@given(seed=seeds, index=indices, objects=ranges, split=splits)
def test_margins_hold(seed, index, objects, split):
    things = draw_scene(seed, index, objects=objects, split=split).objects
    for thing in things:
        left, top, right, bottom = box(outline(thing))
        assert min(left, top, 1 - right, 1 - bottom) >= 0.03
        assert right - left >= 18 / 128  # wide enough for a small autoencoder to carry
        assert math.degrees(thing.turn) % 90 == pytest.approx(45, abs=30)
    for first, second in combinations(things, 2):
        assert (first.colour, first.shape) != (second.colour, second.shape)
        position = relation(first, second)
        assert position.side or position.depth
        assert math.hypot(first.x - second.x, first.y - second.y) > footprint(first, second)


def footprint(first: SceneObject, second: SceneObject) -> float:
    """Distance of two axes at which the solids' footprints can touch."""
    reach = {"cube": math.sqrt(2)}
    return sum(t.half_width * reach.get(t.shape, 1) for t in (first, second))


@given(seed=seeds, index=indices)
def test_small_and_large_are_told_apart_in_the_picture(seed, index):
    """Of two objects of one shape, the large one appears larger even if it is behind."""
    things = draw_scene(seed, index, objects=(2, 3), split="all").objects
    for first, second in combinations(things, 2):
        if first.shape == second.shape and first.size != second.size:
            small, large = sorted((first, second), key=lambda thing: thing.size != "small")
            assert picture_height(large) > 1.1 * picture_height(small)


def picture_height(thing: SceneObject) -> float:
    _, top, _, bottom = box(outline(thing))
    return bottom - top


@given(seed=seeds, index=indices)
def test_relations_are_opposite_and_agree_with_the_camera(seed, index):
    things = draw_scene(seed, index, objects=(2, 3)).objects
    opposite = {"left": "right", "right": "left", "front": "behind", "behind": "front", None: None}
    for first, second in combinations(things, 2):
        there, back = relation(first, second), relation(second, first)
        assert (there.side, there.depth) == (opposite[back.side], opposite[back.depth])
        middles = np.array([(t.x, t.y, t.height / 2) for t in (first, second)])
        aside, _, away = project(middles)[0] - project(middles)[1]
        if there.side:
            assert abs(aside) >= SIDE_MARGIN
            assert (aside < 0) == (there.side == "left")
        if there.depth:
            assert abs(first.y - second.y) >= DEPTH_MARGIN
            assert (away < 0) == (there.depth == "front")


@given(x=st.floats(-3, 3), y=st.floats(-3, 3), z=st.floats(0, 2))
def test_column_is_the_projections(x, y, z):
    assert column(x, y, z) == project(np.array([x, y, z]))[0]
