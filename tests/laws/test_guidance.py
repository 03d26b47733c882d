"""Laws of classifier-free guidance."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from calotype.condition import Condition
from calotype.diffusion import PREDICTIONS, Denoiser, SchedulerConfig, normal, target
from calotype.sampling import At, classifier_free, guided, thresholded

SCHEDULE = SchedulerConfig(prediction_type="v_prediction").schedule
X = normal(range(3), 0, "x", (4, 2, 2)).double()
WANTED = Condition(context=normal(range(3), 0, "wanted", (4, 1)).double())
UNWANTED = Condition(context=normal(range(3), 0, "unwanted", (4, 1)).double())

kinds = st.sampled_from(PREDICTIONS)
levels = st.floats(0.03, 14)
scales = st.floats(-2, 20)
# Outputs are made from x0 and back: errors of 1e-16 over the least level, times the scale.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def network(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
    assert condition.context is not None
    return torch.tanh(x + condition.context.unsqueeze(-1)) * (1 + condition.context.unsqueeze(-1))


def guide(denoiser: Denoiser, *guidance) -> Callable[[Tensor, float], Tensor]:
    """The denoiser under classifier-free guidance."""
    return lambda x, sigma: guided(denoiser, classifier_free(*guidance), x, sigma)


def outputs(kind: str, denoise, sigma: float) -> Tensor:
    return target(kind, denoise(X, sigma), X, torch.tensor(sigma, dtype=torch.float64))


@given(kinds, levels, st.floats(0, 1))
def test_scale_one_is_the_condition_alone(kind: str, sigma: float, rescale: float) -> None:
    rows = []

    def counting(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        rows.append(len(x))
        return network(x, t, condition)

    denoiser = Denoiser(counting, SCHEDULE, kind)
    guided = guide(denoiser, WANTED, UNWANTED, 1.0, rescale)
    assert torch.equal(guided(X, sigma), denoiser(X, sigma, WANTED))
    assert rows == [3, 3]


@given(kinds, levels, scales.filter(lambda scale: scale != 1))
def test_one_call_with_both_halves(kind: str, sigma: float, scale: float) -> None:
    rows = []

    def counting(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        rows.append((len(x), len(t)))
        return network(x, t, condition)

    guide(Denoiser(counting, SCHEDULE, kind), WANTED, UNWANTED, scale)(X, sigma)
    assert rows == [(6, 6)]


@given(kinds, kinds, levels, scales)
def test_guiding_x0_is_guiding_any_prediction(
    kind: str, other: str, sigma: float, scale: float
) -> None:
    """u + s (c - u), for the outputs as for the denoised latents, for every prediction type."""
    denoiser = Denoiser(network, SCHEDULE, kind)
    guided = outputs(other, guide(denoiser, WANTED, UNWANTED, scale), sigma)
    wanted = outputs(other, lambda x, s: denoiser(x, s, WANTED), sigma)
    unwanted = outputs(other, lambda x, s: denoiser(x, s, UNWANTED), sigma)
    torch.testing.assert_close(guided, unwanted + scale * (wanted - unwanted), **CLOSE)


@given(kinds, levels)
def test_scale_zero_is_the_negative_alone(kind: str, sigma: float) -> None:
    denoiser = Denoiser(network, SCHEDULE, kind)
    guided = guide(denoiser, WANTED, UNWANTED, 0.0)
    torch.testing.assert_close(guided(X, sigma), denoiser(X, sigma, UNWANTED), **CLOSE)


@given(kinds, levels, st.floats(1.5, 20), st.floats(0, 1))
def test_rescale_moves_the_spread_of_the_output(
    kind: str, sigma: float, scale: float, amount: float
) -> None:
    """Lin et al. 2023, equations 15 and 16, row by row: 0 is none, 1 the condition's own spread."""
    denoiser = Denoiser(network, SCHEDULE, kind)
    plain = outputs(kind, guide(denoiser, WANTED, UNWANTED, scale), sigma)
    rescaled = outputs(kind, guide(denoiser, WANTED, UNWANTED, scale, amount), sigma)
    wanted = outputs(kind, lambda x, s: denoiser(x, s, WANTED), sigma)
    for row in range(len(X)):
        factor = wanted[row].std() / plain[row].std()
        expected = amount * plain[row] * factor + (1 - amount) * plain[row]
        torch.testing.assert_close(rescaled[row], expected, **CLOSE)


def test_conditions_that_differ_in_kind_are_ours_to_mend() -> None:
    denoiser = Denoiser(network, SCHEDULE, "epsilon")
    with pytest.raises(AssertionError):
        guide(denoiser, WANTED, Condition(), 7.5)(X, 1.0)


@given(kinds, levels, scales, st.lists(st.floats(-2, 2), min_size=1, max_size=3))
def test_several_conditions_add_their_ways(
    kind: str, sigma: float, scale: float, weights: list[float]
) -> None:
    """Each difference from the negative by its weight; equal conditions add their weights."""
    denoiser = Denoiser(network, SCHEDULE, kind)
    guided = guide(denoiser, [(WANTED, w) for w in weights], UNWANTED, scale)(X, sigma)
    away, towards = denoiser(X, sigma, UNWANTED), denoiser(X, sigma, WANTED)
    torch.testing.assert_close(guided, away + (towards - away) * sum(weights) * scale, **CLOSE)
    if len(weights) == 1:
        rows = torch.tensor(weights * len(X), dtype=torch.float64).reshape(-1, 1, 1, 1)
        by_row = guide(denoiser, [(WANTED, rows)], UNWANTED, scale)(X, sigma)
        torch.testing.assert_close(by_row, guided, **CLOSE)


@given(st.floats(0.5, 0.999), st.floats(0.1, 30))
def test_thresholding_keeps_numbers_within_their_range(share: float, size: float) -> None:
    """Nothing is left beyond it; rows within it are untouched; signs and order are kept."""
    x0 = X * size
    clipped = thresholded(lambda x, at: x, share)(x0, At(1.0, 0))
    assert float(clipped.abs().max()) <= 1 + 1e-12
    assert torch.equal(clipped.sign(), x0.sign())
    for row, before in zip(clipped, x0, strict=True):
        if float(before.abs().max()) <= 1:
            assert torch.equal(row, before)
        ranked = row.flatten()[before.flatten().argsort()]
        assert bool((ranked.diff() >= 0).all())
