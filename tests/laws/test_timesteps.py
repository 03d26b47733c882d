"""Laws of the noise levels that a training draws."""

import math
from statistics import NormalDist

import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.training.draws import even_timesteps

RUN = 1000  # neighbours in a run; the gaps between golden-ratio multiples are below 1.9 / RUN


@given(
    st.integers(0, 10**12), st.integers(0, 2**63 - 1), st.floats(0.1, 100), st.floats(0.01, 0.99)
)
def test_any_stretch_of_a_run_sees_every_level_as_often_as_it_should(
    first: int, seed: int, shift: float, level: float
) -> None:
    """The share below level t is t / (s - (s - 1) t), the inverse of the shift (Esser et al.)."""
    count = 10_000
    t = even_timesteps(torch.arange(first, first + RUN), seed, count, shift)
    assert int(t.min()) >= 0
    assert int(t.max()) < count
    share = float((t < level * count).double().mean())
    # Discrepancy of the sequence, log(RUN) / RUN, and one timestep's rounding at slope s.
    assert abs(share - level / (shift - (shift - 1) * level)) < 0.01 + max(shift, 1 / shift) / count


@given(
    st.integers(0, 10**12), st.integers(0, 2**63 - 1), st.floats(0.1, 100), st.floats(0.01, 0.99)
)
def test_a_shifted_logit_normal_is_one_of_another_mean(
    first: int, seed: int, shift: float, level: float
) -> None:
    """The share below level t is Phi(log(t / (1 - t)) - log s) (Esser et al., equation 19)."""
    count = 10_000
    positions = torch.arange(first, first + RUN)
    t = even_timesteps(positions, seed, count, shift, "logit_normal")
    assert int(t.min()) >= 0
    assert int(t.max()) < count
    share = float((t < level * count).double().mean())
    wanted = NormalDist(math.log(shift)).cdf(math.log(level / (1 - level)))
    # Discrepancy, and one timestep's rounding at the density, 0.4 / (t (1 - t)) at most.
    assert abs(share - wanted) < 0.01 + 0.4 / (level * (1 - level)) / count


def test_a_batch_is_drawn_alike_wherever_it_is_cut() -> None:
    whole = even_timesteps(torch.arange(32), 3, 1000, 3.0)
    assert torch.equal(whole[20:], even_timesteps(torch.arange(20, 32), 3, 1000, 3.0))
