"""Laws of sweeps, of what walks side by side, and of guidance along the walk."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from calotype import Request, Sampling, Sweep
from calotype.generate.prompts import Lengths
from calotype.generate.request import SWEEPABLE
from calotype.generate.run import batches
from calotype.generate.sheets import sweep_sheet

AXES = {
    "steps": [3, 7, 9],
    "sampler": ["ddim", "euler", "dpm++2m"],
    "seed": [0, 5, 6, 7],
    "guidance_scale": [1.0, 4.5],
    "prompt": ["a", "b", "c"],
    "negative_prompt": ["", "x"],
    "schedule": [None, "karras"],
}
BASE = Request(prompt="a cube", width=64, height=64)


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    names = draw(st.lists(st.sampled_from([*AXES]), min_size=1, max_size=3, unique=True))
    return Sweep(
        base=BASE,
        over={
            name: tuple(draw(st.lists(st.sampled_from(AXES[name]), min_size=1))) for name in names
        },
    )


def value(request: Request, name: str) -> object:
    return getattr(request.sampling if name in Sampling.model_fields else request, name)


@given(sweeps())
def test_every_combination_is_made_once(sweep: Sweep):
    """Picture k has the values of its place, the first field's fastest, all else of the base."""
    places = [sweep.place(k) for k in range(len(sweep))]
    counts = [len(values) for values in sweep.over.values()]
    assert len(set(places)) == len(sweep) == math.prod(counts)
    for k, place in enumerate(places):
        alone = sweep.single(k)
        for (name, values), number in zip(sweep.over.items(), place, strict=True):
            assert value(alone, name) == values[number]
        for name in set(SWEEPABLE) - sweep.over.keys():
            assert value(alone, name) == value(BASE, name)
        assert k == sum(n * math.prod(counts[:axis]) for axis, n in enumerate(place))


LENGTHS = st.builds(
    Lengths,
    st.frozensets(st.integers(1, 6), min_size=1, max_size=2),
    st.frozensets(st.integers(1, 6), min_size=1, max_size=2),
)


@given(sweeps(), st.integers(1, 5) | st.none(), st.data())
def test_what_is_made_side_by_side(sweep: Sweep, size: int | None, data: st.DataObject):
    """Every picture is in one batch, in order within its key; contexts are at most doubled."""
    singles = [sweep.single(k) for k in range(len(sweep))]
    lengths = data.draw(st.lists(LENGTHS, min_size=len(singles), max_size=len(singles)))
    found = list(batches(singles, lengths, size))
    assert sorted(k for batch in found for k in batch) == list(range(len(singles)))
    limit = size or 2**20 // 64**2
    for batch in found:
        assert 1 <= len(batch) <= limit
        assert batch == sorted(batch)
        assert len({singles[k].batch_key() for k in batch}) == 1
        for kind in ("positive", "negative"):
            counts = frozenset.union(*(getattr(lengths[k], kind) for k in batch))
            assert len(batch) == 1 or math.lcm(*counts) <= 2 * max(counts)
    for number, batch in enumerate(found):
        for after in found[number + 1 :]:
            same = singles[batch[0]].batch_key() == singles[after[0]].batch_key()
            fits = lengths[after[0]].fit([lengths[k] for k in batch if k < after[0]])
            assert not same or len(batch) == limit or not fits or batch[0] > after[0]


def test_lengths_that_alternate_fill_two_batches():
    """Three and five chunks in turns: those of three side by side, and those of five."""
    singles = [BASE] * 6
    lengths = [Lengths(frozenset({n}), frozenset({1})) for n in (3, 5) * 3]
    assert list(batches(singles, lengths, None)) == [[0, 2, 4], [1, 3, 5]]


def test_a_sweep_survives_json():
    sweep = Sweep(base=BASE, over={"schedule": (None, "Karras"), "steps": (1, 2)})
    assert Sweep.model_validate_json(sweep.model_dump_json()) == sweep


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({}, "at least 1"),
        ({"stps": (1,)}, 'did you mean "steps"'),
        ({"images": (1, 2)}, 'over "images": must be one of'),
        ({"steps": ()}, "at least 1"),
        ({"steps": (5, 0)}, "over steps = 0: must be an integer from 1 to 1000"),
        ({"sampler": ("ddin",)}, 'did you mean "ddim"'),
        ({"steps": (1,), "seed": (1,), "eta": (0.5,), "width": (64,)}, "at most 3"),
        ({"seed": tuple(range(200)), "steps": tuple(range(1, 100))}, "at most 10,000"),
    ],
)
def test_what_cannot_be_swept(over: dict, message: str):
    with pytest.raises(ValidationError, match=message):
        Sweep(base=BASE, over=over)


def test_a_sheet_shows_each_picture_at_its_place():
    """Across, down, from sheet to sheet, in any order of making."""
    sweep = Sweep(base=BASE, over={"steps": (1, 2, 3), "seed": (7, 8), "sampler": ("ddim", "lms")})
    images = {k: Image.new("RGB", (20, 20), (k * 20, 0, 99)) for k in reversed(range(12))}
    pixels = np.asarray(sweep_sheet(sweep, images))
    corners = [np.argwhere((pixels == (k * 20, 0, 99)).all(-1))[0].tolist() for k in range(12)]
    assert all((pixels == (k * 20, 0, 99)).all(-1).sum() == 400 for k in range(12)), "all is seen"
    assert corners == sorted(corners), "in the order in which one reads"
    rows: Sequence[int] = [row for row, _ in corners]
    assert [rows[3 * k] for k in range(4)] == sorted(set(rows))


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30), st.integers(1, 40))
def test_guidance_along_the_walk(scales: list[float], steps: int):
    """One number a step is that number at that step; else between its neighbours, ends included."""
    sampling = Sampling(steps=steps, guidance_schedule=tuple(scales), guidance_scale=999)
    found = [sampling.scale_at(step) for step in range(steps)]
    assert found[0] == scales[0]
    if len(scales) == steps:
        assert found == scales
    if steps > 1:
        assert found[-1] == pytest.approx(scales[-1])
    bound = 1 + 1e-12
    assert all(min(scales) / bound <= scale <= max(scales) * bound for scale in found)
    assert Sampling(steps=steps, guidance_scale=7).scale_at(steps - 1) == 7
