"""Laws of the noise: a row is its seed, its step and its purpose, and nothing else."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from calotype.diffusion import Noise, integers, normal, uniform

seeds = st.integers(0, 2**64 - 1)
batches = st.lists(seeds, min_size=1, max_size=5)
shapes = st.lists(st.integers(1, 5), min_size=0, max_size=3).map(tuple)


@given(batches, st.integers(0, 2**40), st.sampled_from(["start", "step"]), shapes)
def test_a_row_does_not_know_its_batch(
    batch: list[int], step: int, purpose: str, shape: tuple[int, ...]
) -> None:
    rows = normal(batch, step, purpose, shape)
    assert rows.shape == (len(batch), *shape)
    assert rows.dtype == torch.float32
    for seed, row in zip(batch, rows, strict=True):
        assert torch.equal(normal(seed, step, purpose, shape)[0], row)
    assert torch.equal(normal(batch[::-1], step, purpose, shape), rows.flip(0))


@given(seeds, st.lists(st.integers(0, 2**40), min_size=1, max_size=5))
def test_one_seed_at_many_positions(seed: int, positions: list[int]) -> None:
    """How training draws: the run's seed, and each sample's position."""
    rows = uniform(seed, torch.tensor(positions), "t")
    assert rows.tolist() == [float(uniform(seed, p, "t")) for p in positions]


@given(seeds, st.integers(0, 2**63), st.integers(1, 40), st.integers(1, 40))
def test_a_longer_draw_begins_with_the_shorter(seed: int, step: int, m: int, n: int) -> None:
    short, long = sorted((m, n))
    assert torch.equal(
        normal(seed, step, "x", (long,))[:, :short], normal(seed, step, "x", (short,))
    )


def test_every_part_of_the_address_matters() -> None:
    """Low and high words of seed and step, and the purpose: all different draws."""
    draws = [
        normal(seed, step, purpose, (8,))
        for seed in (0, 1, 2**32, 2**63)
        for step in (0, 1, 2**32)
        for purpose in ("start", "step")
    ]
    values = torch.cat(draws).flatten().tolist()
    assert len(set(values)) == len(values)


def test_moments_of_the_normals() -> None:
    count = 400_000
    values = normal(7, 0, "moments", (count,)).double().flatten()
    # Five standard errors each; the draw is fixed, so this passes always or never.
    assert abs(float(values.mean())) < 5 / math.sqrt(count)
    assert abs(float(values.var()) - 1) < 5 * math.sqrt(2 / count)
    assert abs(float(values.pow(3).mean())) < 5 * math.sqrt(15 / count)
    assert abs(float(values.pow(4).mean()) - 3) < 5 * math.sqrt(96 / count)
    # Neighbours come from one pair of uniforms, or from one block.
    for distance in (1, 2, 3, 4):
        together = (values[distance:] * values[:-distance]).mean()
        assert abs(float(together)) < 5 / math.sqrt(count)


def test_rows_are_independent() -> None:
    """Neighbouring seeds, and neighbouring steps of one seed, do not resemble each other."""
    for rows in (
        normal(range(64), 0, "x", (1024,)),
        normal(3, torch.arange(64), "x", (1024,)),
    ):
        correlation = torch.corrcoef(rows.double()) - torch.eye(64)
        # The largest of 2016 correlations, each with a standard error of 1/32.
        assert float(correlation.abs().max()) < 5 / 32


@given(seeds, st.integers(-5, 5), st.integers(1, 50))
def test_integers_stay_in_their_range_and_fill_it(seed: int, low: int, width: int) -> None:
    values = integers(seed, 0, "t", low, low + width, (width * 20,))
    assert int(values.min()) >= low
    assert int(values.max()) < low + width
    # All of 20 draws a value missing some value: width * exp(-20), 1e-7.
    assert len(values.unique()) == width


def test_uniforms_fill_the_interval() -> None:
    values = uniform(7, 0, "u", (100_000,))
    assert values.dtype == torch.float64
    assert float(values.min()) >= 0
    assert float(values.max()) < 1
    parts = torch.histc(values, bins=10, min=0, max=1) / len(values.flatten())
    # Five standard errors of a share of a tenth.
    assert float((parts - 0.1).abs().max()) < 5 * math.sqrt(0.09 / 100_000)


def test_a_walk_draws_something_else_at_every_step() -> None:
    noise = Noise(seeds=(1, 2), shape=(4, 2, 2))
    draws = torch.cat([noise.start(), noise(0), noise(1)])
    assert draws.shape == (6, 4, 2, 2)
    assert len(draws.flatten().unique()) == draws.numel()
    assert torch.equal(Noise(seeds=(2,), shape=(4, 2, 2))(1)[0], noise(1)[1])


def test_global_random_state_is_neither_read_nor_moved() -> None:
    before = torch.get_rng_state()
    first = normal(1, 2, "x", (4,))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(normal(1, 2, "x", (4,)), first)


LEVELS = st.floats(1e-3, 5e3)


@given(LEVELS, LEVELS, LEVELS)
def test_a_brownian_motion_adds_up(a: float, b: float, c: float) -> None:
    """Its change over two intervals is the sum of its changes over each."""
    low, middle, high = sorted((a, b, c))
    assume(low < middle < high)
    noise = Noise(seeds=(3,), shape=(64,))

    def change(above: float, below: float) -> Tensor:
        return noise.between(above, below).double() * math.sqrt(above - below)

    whole, parts = change(high, low), change(high, middle) + change(middle, low)
    # The tree ends at the 4096th part of an octave; within one the motion is a straight line.
    assert float((whole - parts).abs().max()) < 6 * math.sqrt(high / 4096)


@given(LEVELS, LEVELS)
def test_the_way_between_two_levels_has_unit_noise(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assume(low < high)
    drawn = Noise(seeds=(1, 2), shape=(4096,)).between(high, low)
    assert drawn.shape == (2, 4096)
    # The standard errors of mean and deviation of 8192 normals are 0.011 and 0.008.
    assert abs(float(drawn.mean())) < 0.05
    assert float(drawn.std()) == pytest.approx(1, abs=0.04)
    alone = Noise(seeds=(2,), shape=(4096,)).between(high, low)
    assert torch.equal(alone[0], drawn[1])


def test_ways_that_do_not_meet_are_independent() -> None:
    noise = Noise(seeds=range(4), shape=(4096,))
    one, other = noise.between(8.0, 3.0), noise.between(3.0, 1.0)
    assert abs(float((one * other).mean())) < 0.04
