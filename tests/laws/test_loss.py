"""Laws of the training loss."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.condition import Condition
from calotype.diffusion import PREDICTIONS, SchedulerConfig, denoised, normal, training_loss
from calotype.training.noise_and_timesteps import added_noise

SCHEDULE = SchedulerConfig().schedule
LATENTS, NOISE = normal(range(4), 0, "latents", (2, 3, 3)), normal(range(4), 0, "noise", (2, 3, 3))

kinds = st.sampled_from(PREDICTIONS)
times = st.lists(st.integers(0, 999), min_size=4, max_size=4).map(torch.tensor)


@given(kinds, times)
def test_a_perfect_network_has_no_loss(kind: str, t: torch.Tensor) -> None:
    """The network receives alpha x0 + sigma n; the target follows the papers' definitions."""
    alpha = SCHEDULE.alphas_cumprod[t].sqrt().float().reshape(-1, 1, 1, 1)
    sigma = (1 - SCHEDULE.alphas_cumprod[t]).sqrt().float().reshape(-1, 1, 1, 1)
    answers = {"epsilon": NOISE, "v_prediction": alpha * NOISE - sigma * LATENTS, "sample": LATENTS}

    def network(x: torch.Tensor, timesteps: torch.Tensor, condition: Condition) -> torch.Tensor:
        torch.testing.assert_close(x, alpha * LATENTS + sigma * NOISE, rtol=1e-5, atol=1e-6)
        assert torch.equal(timesteps, t.float())
        return answers[kind]

    loss = training_loss(network, SCHEDULE, kind, LATENTS, t, NOISE, Condition())
    assert loss.shape == (4,)
    # An error of 1e-7 in x, over sigma_0 = 0.03, squared.
    assert float(loss.max()) < 1e-9


@given(kinds, times, st.floats(0.5, 20))
def test_min_snr_is_one_loss_of_x0_for_every_prediction(
    kind: str, t: torch.Tensor, gamma: float
) -> None:
    """min(SNR, gamma) |D - x0|^2, for every prediction type (Hang et al. 2023)."""
    output = normal(range(4), 0, "output", (2, 3, 3)).double()
    latents, noise = LATENTS.double(), NOISE.double()
    sigma = SCHEDULE.sigmas[t].reshape(-1, 1, 1, 1)
    x0 = denoised(kind, output, latents + sigma * noise, sigma)
    expected = (x0 - latents).square().mean((1, 2, 3)) * (SCHEDULE.sigmas[t] ** -2).clamp(max=gamma)
    loss = training_loss(
        lambda *_: output, SCHEDULE, kind, latents, t, noise, Condition(), "min_snr", gamma
    )
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)


@given(kinds, times)
def test_p2_is_one_loss_of_the_noise_for_every_prediction(kind: str, t: torch.Tensor) -> None:
    """|error of the noise|^2 / (1 + SNR), for every prediction type (Choi et al. 2022, eq. 8)."""
    output = normal(range(4), 0, "output", (2, 3, 3)).double()
    latents, noise = LATENTS.double(), NOISE.double()
    sigma = SCHEDULE.sigmas[t].reshape(-1, 1, 1, 1)
    x = latents + sigma * noise
    predicted = (x - denoised(kind, output, x, sigma)) / sigma
    snr = SCHEDULE.alphas_cumprod[t] / (1 - SCHEDULE.alphas_cumprod[t])
    expected = (predicted - noise).square().mean((1, 2, 3)) / (1 + snr)
    loss = training_loss(lambda *_: output, SCHEDULE, kind, latents, t, noise, Condition(), "p2")
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 2**32), st.floats(0.01, 1))
def test_offset_noise_is_the_same_all_over_a_channel(seed: int, offset: float) -> None:
    """Beside the plain noise: nothing but a constant a channel, of that deviation."""
    positions = torch.arange(64)
    plain = added_noise(positions, seed, (4, 3, 3), 0.0)
    added = added_noise(positions, seed, (4, 3, 3), offset) - plain
    torch.testing.assert_close(added, added[:, :, :1, :1].expand_as(added), rtol=0, atol=1e-6)
    # 256 draws: their deviation is within a fifth, four and a half of its own deviations.
    assert float(added[:, :, 0, 0].std()) == pytest.approx(offset, rel=0.2)


@given(kinds, times, st.permutations(range(4)))
def test_a_sample_is_judged_alone(kind: str, t: torch.Tensor, order: list[int]) -> None:
    def loss(rows: list[int]) -> torch.Tensor:
        return training_loss(
            lambda x, *_: 0.5 * x,
            SCHEDULE,
            kind,
            LATENTS[rows],
            t[rows],
            NOISE[rows],
            Condition(),
            "min_snr",
        )

    torch.testing.assert_close(loss(order), loss([0, 1, 2, 3])[order], rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_the_loss_reaches_the_network(kind: str) -> None:
    weight = torch.tensor(0.5, requires_grad=True)
    t = torch.tensor([0, 10, 500, 999])
    training_loss(
        lambda x, *_: weight * x, SCHEDULE, kind, LATENTS, t, NOISE, Condition(), "min_snr"
    ).sum().backward()
    assert weight.grad is not None
    assert bool(weight.grad.isfinite())
    assert float(weight.grad.abs()) > 0


@given(kinds, times, st.floats(0.1, 20))
def test_a_place_counts_as_much_as_its_weight(kind: str, t: torch.Tensor, weight: float) -> None:
    """The loss is the mean of its places': weights of one place add up to the loss of all."""

    def network(x: torch.Tensor, timesteps: torch.Tensor, condition: Condition) -> torch.Tensor:
        return x.roll(1, dims=-1)

    def loss(weights: torch.Tensor | None) -> torch.Tensor:
        return training_loss(
            network, SCHEDULE, kind, LATENTS, t, NOISE, Condition(), place_weights=weights
        )

    plain = loss(None)
    torch.testing.assert_close(loss(torch.full((4, 3, 3), weight)), weight * plain)
    first, rest = torch.zeros(4, 3, 3), torch.full((4, 3, 3), weight)
    first[:, 0, 0], rest[:, 0, 0] = weight, 0
    torch.testing.assert_close(loss(first) + loss(rest), weight * plain)
