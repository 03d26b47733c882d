"""Laws of predictions: each output means one clean latent, and one noise."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.condition import Condition
from calotype.diffusion import PREDICTIONS, Denoiser, SchedulerConfig, denoised, scalings, target

kinds = st.sampled_from(PREDICTIONS)
levels = st.floats(0.02, 200).map(lambda sigma: torch.tensor(sigma, dtype=torch.float64))
tensors = st.integers(0, 2**31).map(
    lambda seed: torch.randn(
        3, 2, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
)

# Errors of 1e-16 in x, whose size is sigma, divided by the least sigma.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@given(kinds, tensors, tensors, levels)
def test_target_inverts_denoised(
    kind: str, output: torch.Tensor, x: torch.Tensor, sigma: torch.Tensor
) -> None:
    back = target(kind, denoised(kind, output, x, sigma), x, sigma)
    torch.testing.assert_close(back, output, **CLOSE)


@given(kinds, kinds, tensors, tensors, levels)
def test_conversions_between_predictions_invert(
    kind: str, other: str, output: torch.Tensor, x: torch.Tensor, sigma: torch.Tensor
) -> None:
    there = target(other, denoised(kind, output, x, sigma), x, sigma)
    back = target(kind, denoised(other, there, x, sigma), x, sigma)
    torch.testing.assert_close(back, output, **CLOSE)


@given(tensors, tensors, levels)
def test_targets_are_those_of_the_papers(
    x0: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor
) -> None:
    """epsilon is the noise; v is alpha n - sigma_t x0; in the coordinates of the papers."""
    alpha = 1 / (1 + sigma**2).sqrt()
    x = x0 + sigma * noise
    torch.testing.assert_close(target("epsilon", x0, x, sigma), noise, **CLOSE)
    v = alpha * noise - alpha * sigma * x0
    torch.testing.assert_close(target("v_prediction", x0, x, sigma), v, **CLOSE)
    torch.testing.assert_close(target("sample", x0, x, sigma), x0, **CLOSE)


@given(kinds, levels)
def test_the_network_sees_unit_variance(kind: str, sigma: torch.Tensor) -> None:
    _, _, c_in = scalings(kind, sigma)
    torch.testing.assert_close(c_in**2 * (1 + sigma**2), torch.ones_like(sigma), **CLOSE)


@given(kinds, st.lists(st.integers(0, 999), min_size=3, max_size=3), tensors)
def test_denoiser_tells_the_network_x_t_and_t(kind: str, ts: list[int], x: torch.Tensor) -> None:
    """One level per row; x_t = alpha x; the timestep is exact, in float32 for any type of x."""
    schedule = SchedulerConfig(prediction_type=kind).schedule
    t = torch.tensor(ts)
    seen = []

    def network(x_t: torch.Tensor, t: torch.Tensor, condition: Condition) -> torch.Tensor:
        seen.append((x_t, t))
        return torch.zeros_like(x_t)

    x = x.unsqueeze(-1)
    Denoiser(network, schedule, kind)(x, schedule.sigma(t), Condition())
    ((x_t, timesteps),) = seen
    assert timesteps.dtype == torch.float32
    assert torch.equal(timesteps, t.float())
    alpha = schedule.alphas_cumprod[t].sqrt().reshape(-1, 1, 1, 1)
    torch.testing.assert_close(x_t, alpha * x, rtol=1e-12, atol=0)


def test_denoiser_keeps_the_state_wide_when_the_network_is_narrow() -> None:
    types = []

    def network(x_t: torch.Tensor, t: torch.Tensor, condition: Condition) -> torch.Tensor:
        types.append((x_t.dtype, t.dtype))
        return x_t

    schedule = SchedulerConfig().schedule
    denoiser = Denoiser(network, schedule, "epsilon", dtype=torch.bfloat16)
    x0 = denoiser(torch.ones(1, 4, 2, 2), 1.5, Condition())
    assert types == [(torch.bfloat16, torch.float32)]
    assert x0.dtype == torch.float32
