"""Laws of the figures of an evaluation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, sem

from calotype.evaluation import Mean, Share
from calotype.evaluation.reconstruction import psnr
from calotype.evaluation.scenes.prompts import KINDS, scene_prompts
from calotype.scenes import HELD_OUT, relation


@given(st.integers(1, 10_000), st.data())
def test_the_interval_is_wilsons(count: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, count))
    expected = binomtest(right, count).proportion_ci(0.95, method="wilson")
    share = Share(right, count)
    assert share.interval == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert share.interval[0] <= share.fraction <= share.interval[1]


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50))
def test_the_interval_of_a_mean_is_the_normal_one(values: list[float]) -> None:
    mean = Mean(values)
    half = norm.ppf(0.975) * sem(values)
    assert mean.interval == pytest.approx((mean.value - half, mean.value + half), abs=1e-9)


def test_one_value_has_no_interval() -> None:
    assert Mean([2.0]).interval is None


@given(st.floats(1e-3, 2))
def test_psnr_of_an_even_error(error: float) -> None:
    """The peak is 2, the width of [-1, 1]."""
    pictures = torch.zeros(2, 3, 4, 4)
    expected = -20 * torch.log10(torch.tensor(error / 2))
    torch.testing.assert_close(psnr(pictures + error, pictures), expected.expand(2))


def test_psnr_of_a_part_sees_nothing_else() -> None:
    wanted = torch.zeros(1, 3, 4, 4)
    found = wanted + 0.2
    found[..., 2:] = 7
    where = torch.zeros(1, 4, 4, dtype=torch.bool)
    where[..., :2] = True
    torch.testing.assert_close(psnr(found, wanted, where), torch.tensor([20.0]))


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_say_what_is_judged(kind) -> None:
    """Shape, colour and size of every object; the first n of many are the first n of more."""
    prompts = scene_prompts(kind, 40)
    assert prompts[:10] == scene_prompts(kind, 10)
    for each in prompts:
        pairs = {(thing.colour, thing.shape) for thing in each.scene.objects}
        assert len(pairs) == (2 if kind == "pair" else 1)
        assert bool(pairs & HELD_OUT) == (kind == "held_out")
        for thing in each.scene.objects:
            assert f"a {thing.size} {thing.colour} {thing.shape}" in each.prompt
            assert thing.material not in each.prompt
        if kind == "pair":
            position = relation(*each.scene.objects)
            for word, said in (
                (position.side, "left"),
                (position.side, "right"),
                (position.depth, "behind"),
            ):
                assert (said in each.prompt) == (word == said)
