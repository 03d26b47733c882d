"""Laws of averages made after the run, from those that it kept."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from calotype.diffusion import normal
from calotype.training.ema import ExponentialAverage
from calotype.training.posthoc import kept_profile, mixture, target_profile

halflives = st.integers(1, 300)
runs = st.lists(st.integers(1, 40), min_size=1, max_size=30).map(
    lambda sizes: np.cumsum(sizes).tolist()
)


@given(st.just(0) | halflives, runs)
def test_the_parts_of_all_steps_make_the_average(halflife: int, seen: list[int]) -> None:
    """The average that training keeps is the sum of all weights so far, each times its part."""
    net = nn.Linear(3, 1, bias=False).double()
    drawn = normal(range(len(seen) + 1), 0, "weights", (1, 3)).double()
    net.weight.data = drawn[0].clone()
    average = ExponentialAverage(net, halflife)
    for weights, after, size in zip(drawn[1:], seen, np.diff([0, *seen]), strict=True):
        net.weight.data = weights.clone()
        average.update(after, int(size))
    parts = kept_profile(halflife, seen)
    assert parts.sum() == pytest.approx(1)
    expected = (torch.from_numpy(parts)[:, None, None] * drawn).sum(0)
    torch.testing.assert_close(average.state()["weight"], expected)


@given(st.just(0) | halflives, halflives, runs)
def test_with_a_checkpoint_at_each_step_nothing_is_missed(
    kept: int, halflife: int, seen: list[int]
) -> None:
    """Whatever the length of the averages that were kept."""
    found = mixture(kept, halflife, seen, range(1, len(seen) + 1))
    # The first step leaves 2^-20 of the weights before it, of which no mixture is rid.
    assert found.misfit < 1e-5
    assert found.factors.sum() == pytest.approx(1)


@given(st.just(0) | halflives, halflives, runs, st.data())
def test_no_other_mixture_is_nearer(kept: int, halflife: int, seen: list[int], data) -> None:
    steps = sorted(data.draw(st.sets(st.integers(1, len(seen)), min_size=1, max_size=6)))
    found = mixture(kept, halflife, seen, steps)
    profiles = np.zeros((len(seen) + 1, len(steps)))
    for column, step in enumerate(steps):
        profiles[: step + 1, column] = kept_profile(kept, seen[:step])
    target = target_profile(halflife, seen)
    change = normal(range(5), 0, "change", (len(steps),)).double().numpy()
    for other in change - change.mean(1, keepdims=True):
        far = np.linalg.norm(profiles @ (found.factors + 0.1 * other) - target)
        assert far >= found.misfit * np.linalg.norm(target) - 1e-9


@given(halflives, st.integers(1, 20))
def test_weights_count_half_after_the_halflife(halflife: int, size: int) -> None:
    parts = target_profile(
        halflife, [size, size + halflife, size + 2 * halflife, 2 * size + 2 * halflife]
    )
    assert parts.sum() == pytest.approx(1)
    assert parts[0] == 0
    assert parts[2] == pytest.approx(parts[3] / 2)


def test_the_more_checkpoints_the_nearer() -> None:
    """A run of 1,000 steps that kept its average over 500 samples: that over 3,000."""
    seen = list(range(16, 16_001, 16))
    errors = [
        mixture(500, 3_000, seen, range(1_000 // count, 1_001, 1_000 // count)).misfit
        for count in (2, 5, 10, 20, 50)
    ]
    assert errors == sorted(errors, reverse=True)
