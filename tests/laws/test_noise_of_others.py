"""Noise as other programs draw it: pinned, one stream per picture, independent of the batch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype import Request, Sampling
from calotype.diffusion.compatible import MODES, NvNoise, TorchNoise, slerp

SEEDS = st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=4)

# torch.randn(16) on an NVIDIA GPU after manual_seed(0), as AUTOMATIC1111's web UI publishes it.
PUBLISHED = [
    -0.92466259,
    -0.42534415,
    -2.6438457,
    0.14518388,
    -0.12086647,
    -0.57972564,
    -0.62285122,
    -0.32838709,
    -1.07454231,
    -0.36314407,
    -1.67105067,
    2.26550497,
]


def test_the_gpu_s_published_numbers() -> None:
    found = NvNoise([0], (16,)).start()[0, : len(PUBLISHED)]
    torch.testing.assert_close(found, torch.tensor(PUBLISHED), rtol=0, atol=1e-6)


@given(st.integers(0, 2**53 - 1))
def test_torch_s_own_numbers(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    noise = TorchNoise([seed], (2, 3))
    for drawn in (noise.start(), noise(0), noise.between(2.0, 1.0)):
        assert torch.equal(drawn[0], torch.randn(2, 3, generator=generator))


@pytest.mark.parametrize("mode", MODES)
@given(seeds=SEEDS)
def test_a_picture_s_noise_does_not_know_its_batch(mode: str, seeds: list[int]) -> None:
    together = MODES[mode](seeds, (4, 2, 2))
    draws = [together.start(), together(0), together(1)]
    for row, seed in enumerate(seeds):
        alone = MODES[mode]([seed], (4, 2, 2))
        for both, one in zip(draws, (alone.start(), alone(0), alone(1)), strict=True):
            assert torch.equal(both[row], one[0])


@given(st.floats(0, 1), st.integers(0, 99))
def test_variations_lie_on_the_arc(share: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    low, high = (torch.randn(2, 4, 8, 8, generator=generator).double() for _ in range(2))
    found = slerp(share, low, high)
    torch.testing.assert_close(slerp(0.0, low, high), low)
    torch.testing.assert_close(slerp(1.0, low, high), high)
    torch.testing.assert_close(slerp(share, high, low), slerp(1 - share, low, high))
    torch.testing.assert_close(slerp(share, low, low), low)
    # Of equal lengths, the arc keeps the length.
    unit = [each / each.norm(dim=2, keepdim=True) for each in (low, high)]
    lengths = slerp(share, *unit).norm(dim=2)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))
    assert found.shape == low.shape


@given(st.integers(1, 6), st.integers(0, 99), st.integers(0, 99), st.floats(0, 1))
def test_variations_share_their_seed(images: int, seed: int, first: int, strength: float) -> None:
    sampling = Sampling(seed=seed, variation_seed=first, variation_strength=strength)
    request = Request(prompt="a", images=images, sampling=sampling)
    made = [request.single(k) for k in range(images)]
    seeds = [(each.sampling.seed, each.sampling.variation_seed) for each in made]
    if strength:
        assert seeds == [(seed, first + k) for k in range(images)]
    else:
        assert seeds == [(seed + k, first) for k in range(images)]
    assert all(each.single(0) == each for each in made)
