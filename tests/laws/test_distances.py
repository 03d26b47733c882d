"""Laws of what compares pictures and sets of pictures: Frechet, precision, recall, SSIM."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.evaluation.frechet import frechet_distance
from calotype.evaluation.precision_recall import precision_recall
from calotype.evaluation.reconstruction import ssim

seeds = st.integers(0, 2**32)


def features(seed: int, count: int = 40, width: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(width, width, generator=generator, dtype=torch.float64)
    return torch.randn(count, width, generator=generator, dtype=torch.float64) @ mixed


@given(seeds, st.floats(-5, 5), st.floats(0.1, 3))
@settings(deadline=None)
def test_the_frechet_distance_of_what_is_moved_and_scaled(seed, shift, scale):
    """Moved by s along all axes: D s^2. Scaled about the mean by a: (a - 1)^2 tr C."""
    x = features(seed)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + shift) == pytest.approx(5 * shift**2, abs=1e-8)
    mean = x.mean(0)
    wider = mean + scale * (x - mean)
    assert frechet_distance(x, wider) == pytest.approx(
        (scale - 1) ** 2 * float(x.T.cov().trace()), rel=1e-6, abs=1e-8
    )


@given(seeds, seeds)
@settings(deadline=None)
def test_the_frechet_distance_is_one_and_knows_no_axes(seed, other):
    x, y = features(seed), features(other)
    turned = torch.linalg.qr(features(seed + other, 5)).Q
    distance = frechet_distance(x, y)
    assert distance >= -1e-9
    assert frechet_distance(y, x) == pytest.approx(distance, rel=1e-8, abs=1e-9)
    assert frechet_distance(x @ turned, y @ turned) == pytest.approx(distance, rel=1e-6, abs=1e-8)
    # Against the formula as it is written, with the square root of a matrix that is not symmetric.
    first, second = x.T.cov(), y.T.cov()
    root = torch.linalg.eigvals(first @ second).real.clamp(min=0).sqrt().sum()
    wanted = (x.mean(0) - y.mean(0)).square().sum() + (first + second).trace() - 2 * root
    assert distance == pytest.approx(float(wanted), rel=1e-6, abs=1e-8)


@given(seeds)
@settings(deadline=None)
def test_precision_and_recall_change_places_with_the_sets(seed):
    x, y = features(seed), features(seed + 1) + 0.3
    precision, recall = precision_recall(x, y)
    assert precision_recall(y, x) == (recall, precision)
    assert precision_recall(x, x) == (1, 1)
    assert precision_recall(x, x + 1e6) == (0, 0)
    one_place = x[:1] + 1e-6 * torch.randn(40, 5, dtype=torch.float64)
    precision, recall = precision_recall(one_place, x)
    assert precision == 1, "near true ones"
    assert recall < 0.5, "but always near the same"


@given(seeds, st.integers(11, 20), st.integers(11, 20))
@settings(deadline=None)
def test_structural_similarity(seed, height, width):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.rand(2, 2, 3, height, width, generator=generator) * 2 - 1
    torch.testing.assert_close(ssim(x, x), torch.ones(2).double())
    torch.testing.assert_close(ssim(x, y), ssim(y, x))
    assert ssim(x, y).abs().max() <= 1
    assert (ssim(x, 0.9 * x + 0.1 * y) > ssim(x, y)).all()


def test_structural_similarity_of_flat_pictures_is_that_of_their_brightness():
    a, b = 0.5, -0.25
    dark = 0.02**2
    found = ssim(torch.full((1, 1, 11, 11), a), torch.full((1, 1, 11, 11), b))
    assert float(found) == pytest.approx((2 * a * b + dark) / (a * a + b * b + dark))
