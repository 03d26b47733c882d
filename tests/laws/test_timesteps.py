"""Laws of the noise levels that a training draws."""

import math
from statistics import NormalDist
from typing import get_args

import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.names import Density
from calotype.training.noise_and_timesteps import even_timesteps

RUN = 1000  # neighbours in a run; the gaps between golden-ratio multiples are below 1.9 / RUN


def share_below(level: float, shift: float, density: Density) -> float:
    """Of samples, by the inverse of the shift; of a normal (Esser et al., equations 23 and 19)."""
    if density == "uniform":
        return level / (shift - (shift - 1) * level)
    return NormalDist(math.log(shift)).cdf(math.log(level / (1 - level)))


@given(
    st.integers(0, 10**12),
    st.integers(0, 2**63 - 1),
    st.floats(0.1, 100),
    st.floats(0.01, 0.99),
    st.sampled_from(get_args(Density)),
)
def test_any_stretch_of_a_run_sees_every_level_as_often_as_it_should(
    first: int, seed: int, shift: float, level: float, density: Density
) -> None:
    count = 10_000
    t = even_timesteps(torch.arange(first, first + RUN), seed, count, shift, density)
    assert int(t.min()) >= 0
    assert int(t.max()) < count
    share = float((t < level * count).double().mean())
    # Discrepancy of the sequence, log(RUN) / RUN, and one timestep's rounding at the greatest
    # density: s or 1 / s of the one; of the other 0.4 / (t (1 - t)), below 41 here.
    steepest = max(shift, 1 / shift) if density == "uniform" else 41
    assert abs(share - share_below(level, shift, density)) < 0.01 + steepest / count


def test_a_batch_is_drawn_alike_wherever_it_is_cut() -> None:
    whole = even_timesteps(torch.arange(32), 3, 1000, 3.0)
    assert torch.equal(whole[20:], even_timesteps(torch.arange(20, 32), 3, 1000, 3.0))
