"""Laws of the samplers: what they equal, how fast they converge, where they begin and end."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from calotype.diffusion import Noise, SchedulerConfig
from calotype.errors import UserError
from calotype.sampling import SAMPLERS, SPACINGS, make_path, sampler
from calotype.sampling.sigmas import karras

CONFIG = SchedulerConfig()
NOISE = Noise(seeds=(1, 2), shape=(4, 3, 3))
names = st.sampled_from(list(SAMPLERS))
ENDS_ABOVE = ("ddim", "plms", "deis")
FALLING = [name for name in SAMPLERS if name != "restart"]
spacings = st.sampled_from([None, *SPACINGS])


def toy(x: Tensor, sigma: float) -> Tensor:
    """A nonlinear denoiser, it separates samplers that are equal on linear ones."""
    return torch.tanh(x / math.hypot(1, sigma)) + 0.1 * x.roll(1, 1) / (1 + sigma**2)


def walk(name: str, denoise: Callable, x: Tensor, sigmas: Tensor, noise, eta=None) -> Iterator:
    """The steps of a sampler whose denoiser reads the noise level alone."""
    return SAMPLERS[name].bind(eta)(lambda x, at: denoise(x, at.sigma), x, sigmas, noise=noise)


def last(name: str, sigmas: Tensor, denoise=toy, scale: float = 1.0, **options) -> Tensor:
    x = NOISE.start().double() * scale
    return [*walk(name, denoise, x, sigmas, NOISE, **options)][-1].x


# The textbook, in its own coordinates: independent of everything but the denoiser.


def textbook_ddim(x: Tensor, alphas_cumprod: list[float], eta: float) -> Tensor:
    """Song et al. 2021, equations 12 and 16, over x_t = sqrt(a) x0 + sqrt(1 - a) n."""
    for index, (a, a_next) in enumerate(pairwise(alphas_cumprod)):
        x0 = toy(x / math.sqrt(a), math.sqrt((1 - a) / a))
        epsilon = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
        deviation = eta * math.sqrt((1 - a_next) / (1 - a)) * math.sqrt(1 - a / a_next)
        direction = math.sqrt(1 - a_next - deviation**2) * epsilon
        x = math.sqrt(a_next) * x0 + direction + deviation * NOISE(index).double()
    return x


def textbook_ddpm(x: Tensor, alphas_cumprod: list[float]) -> Tensor:
    """Ho et al. 2020, equations 6 and 7, with the posterior's own variance."""
    for index, (a, a_next) in enumerate(pairwise(alphas_cumprod)):
        x0 = toy(x / math.sqrt(a), math.sqrt((1 - a) / a))
        beta = 1 - a / a_next
        mean = math.sqrt(a_next) * beta / (1 - a) * x0
        mean = mean + math.sqrt(1 - beta) * (1 - a_next) / (1 - a) * x
        variance = (1 - a_next) / (1 - a) * beta
        x = mean + math.sqrt(variance) * NOISE(index).double()
    return x


def alphas_cumprod_of(sigmas: Tensor) -> list[float]:
    return (1 / (1 + sigmas**2)).tolist()


@given(st.floats(0, 1), st.integers(1, 60), st.booleans())
def test_ddim_and_euler_ancestral_are_the_textbook_ddim(
    eta: float, steps: int, to_one: bool
) -> None:
    config = SchedulerConfig(set_alpha_to_one=to_one)
    sigmas = make_path(config, "ddim", None, steps).sigmas
    alphas_cumprod = alphas_cumprod_of(sigmas)
    # Noise of the size of the prior, at the first level.
    start = math.hypot(1, float(sigmas[0]))
    expected = textbook_ddim(NOISE.start().double(), alphas_cumprod, eta)
    for name in ("ddim", "euler_ancestral"):
        x = last(name, sigmas, scale=start, eta=eta) * math.sqrt(alphas_cumprod[-1])
        # A few float64 roundings a step.
        torch.testing.assert_close(x, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 10, 250, 1000])
def test_ddpm_is_the_textbook_posterior(steps: int) -> None:
    """Also on all 1000 timesteps, as it was trained: leading timesteps, down from the last."""
    path = make_path(CONFIG, "ddpm", None, steps)
    expected = textbook_ddpm(NOISE.start().double(), alphas_cumprod_of(path.sigmas))
    x = last("ddpm", path.sigmas, scale=path.start) * path.final_alpha
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-11)
    torch.testing.assert_close(
        last("ddim", path.sigmas, scale=path.start, eta=1.0), x, rtol=0, atol=0
    )


def gaussian(x: Tensor, sigma: float, deviation: float = 0.7) -> Tensor:
    """The exact denoiser of data from N(0, deviation^2)."""
    return x * (deviation**2 / (deviation**2 + sigma**2))


def gaussian_error(name: str, steps: int, **options: float) -> float:
    """How far a walk between two positive levels ends from the exact flow of Gaussian data."""
    high, low = 10.0, 0.1
    x = last(name, karras(low, high, steps + 1), gaussian, **options)
    # On the flow, x keeps its place among samples of variance deviation^2 + sigma^2.
    exact = NOISE.start().double() * math.sqrt((0.7**2 + low**2) / (0.7**2 + high**2))
    return float((x - exact).abs().max())


@pytest.mark.parametrize(
    ("name", "order", "options"),
    [
        ("euler", 1, {}),
        ("ddim", 1, {}),
        ("heun", 2, {}),
        ("dpm2", 2, {}),
        ("dpm++2s_ancestral", 2, {"eta": 0.0}),
        ("dpm++2m", 2, {}),
        ("dpm++sde", 2, {"eta": 0.0}),
        ("deis", 2, {}),
        # Of a higher order once they are under path; the first steps leave an error of order 2.
        ("dpm++3m_sde", 2, {"eta": 0.0}),
        ("plms", 2, {}),
        ("unipc", 2, {}),
    ],
)
def test_order_of_convergence(name: str, order: int, options: dict[str, float]) -> None:
    """Half the stride, 2^order times less error."""
    errors = [gaussian_error(name, steps, **options) for steps in (320, 640)]
    measured = math.log2(errors[0] / errors[1])
    assert measured == pytest.approx(order, abs=0.15)


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.integers(5, 30))
def test_adams_bashforth_is_exact_on_polynomials(weights: list[float], steps: int) -> None:
    """Slopes that are cubic in sigma (LMS) or linear in log sigma (DEIS), once it has its past."""
    sigmas = karras(0.1, 10.0, steps + 1)
    cubic = np.polynomial.Polynomial(weights)
    line = weights[0]

    def log_line(s: float) -> float:
        return weights[1] + line * math.log(s)

    def integral(s: float) -> float:
        return s * (weights[1] + line * (math.log(s) - 1))

    for name, slope, whole, past in (
        ("lms", cubic, cubic.integ(), 4),
        ("deis", log_line, integral, 2),
    ):
        steps_walked = walk(
            name, lambda x, s, slope=slope: x - s * slope(s), torch.zeros(1).double(), sigmas, NOISE
        )
        steps_made = [*steps_walked]
        first = steps_made[past - 2]
        # A DEIS walk this short ends with a step of first order.
        last_step = steps_made[-2 if name == "deis" and steps < 15 else -1]
        end = float(last_step.sigma)
        expected = whole(end) - whole(first.sigma)
        assert float(last_step.x - first.x) == pytest.approx(expected, abs=1e-8)


@settings(max_examples=20)  # of six walks each, two of which draw noise at every step
@given(st.floats(0, 1), st.integers(2, 12))
def test_one_function_under_two_names(eta: float, steps: int) -> None:
    sigmas = karras(0.1, 10.0, steps)
    for one, other in (
        ("dpm++2m", "dpm++2m_sde"),
        ("dpm2", "dpm2_ancestral"),
        ("euler", "euler_ancestral"),
    ):
        assert torch.equal(last(one, sigmas, eta=eta), last(other, sigmas, eta=eta))


@given(st.integers(1, 60))
def test_a_restart_goes_up_where_it_says(steps: int) -> None:
    """As many steps as were asked for; each path back begins at 2 and ends where it left."""
    sigmas = make_path(CONFIG, "restart", None, steps).sigmas
    assert len(sigmas) == steps + 1
    rises = (sigmas.diff() > 0).nonzero().flatten().tolist()
    assert len(rises) == (0 if steps < 20 else 1 if steps < 36 else 2)
    for rise in rises:
        assert float(sigmas[rise + 1]) == pytest.approx(2.0)
        assert 0.02 < float(sigmas[rise]) < 0.5
        assert (sigmas[rise + 1 :] == sigmas[rise]).any()


@given(names, spacings, st.integers(1, 50), st.booleans())
def test_a_denoiser_that_knows_the_answer_ends_there(
    name: str, spacing: str | None, steps: int, to_one: bool
) -> None:
    """From any start, with any added noise, the result is x0 plus the noise of the path's end."""
    answer = torch.linspace(-1, 1, 72, dtype=torch.float64).reshape(2, 4, 3, 3)
    path = make_path(SchedulerConfig(set_alpha_to_one=to_one), name, spacing, steps)
    steps_made = [
        *walk(name, lambda x, sigma: answer, NOISE.start() * path.start, path.sigmas, NOISE)
    ]
    assert [step.index for step in steps_made] == list(range(steps))
    assert [step.sigma for step in steps_made] == path.sigmas[1:].tolist()
    end = float(path.sigmas[-1])
    # Unit noise of 72 values stays below 5; deterministic walks keep their first.
    start = path.start / float(path.sigmas[0])
    assert float((steps_made[-1].x - answer).abs().max()) <= 5 * end * max(1, start) + 1e-6


@given(st.sampled_from(FALLING), spacings, st.integers(1, 1000))
def test_a_path_falls_from_within_the_table_to_its_end(
    name: str, spacing: str | None, steps: int
) -> None:
    if name == "lcm" and spacing is None:
        steps = min(steps, 50)
    path = make_path(CONFIG, name, spacing, steps)
    levels = CONFIG.schedule.sigmas
    assert len(path.sigmas) == steps + 1
    assert float(path.sigmas[0]) <= float(levels[-1]) * (1 + 1e-12)
    assert bool((path.sigmas.diff() <= 0).all())
    assert float(path.sigmas[-1]) == (float(levels[0]) if name in ENDS_ABOVE else 0)
    assert path.final_alpha == pytest.approx(
        1 / math.sqrt(1 + float(path.sigmas[-1]) ** 2), rel=1e-12
    )


class OneDraw:
    """The same noise at every step: thousands of true draws would take minutes."""

    def __init__(self) -> None:
        self.drawn = NOISE.start()[:1, :1]

    def __call__(self, index: int) -> Tensor:
        return self.drawn

    def between(self, high: float, low: float) -> Tensor:
        return self.drawn


@pytest.mark.parametrize("steps", [pytest.param(999, marks=pytest.mark.slow), 1000])
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_as_many_steps_as_there_are_timesteps(name: str, spacing: str, steps: int) -> None:
    """Levels may meet there once they are rounded; no step divides by their distance."""
    path = make_path(CONFIG, name, spacing, steps)
    x = NOISE.start()[:1, :1].double() * path.start
    *_, end = walk(name, flat, x, path.sigmas, OneDraw())
    assert bool(end.x.isfinite().all())


def flat(x: Tensor, sigma: float) -> Tensor:
    return x / (1 + sigma**2)


def test_the_first_levels_of_each_spacing() -> None:
    """Lin et al. 2023, table 2, for 10 steps; and 11 intervals for DPM-Solver."""
    t = {
        (name, spacing): CONFIG.schedule.t(make_path(CONFIG, name, spacing, 10).sigmas[:3]).tolist()
        for name in ("ddim", "euler", "dpm++2m")
        for spacing in ("leading", "trailing", "linspace")
    }
    assert t["ddim", "leading"] == t["euler", "leading"] == [901, 801, 701]
    assert t["ddim", "trailing"] == t["dpm++2m", "trailing"] == [999, 899, 799]
    assert t["ddim", "linspace"] == t["euler", "linspace"] == [999, 888, 777]
    assert t["dpm++2m", "leading"] == [901, 811, 721]
    assert t["dpm++2m", "linspace"] == [999, 899, 799]


def test_one_step_begins_at_noise() -> None:
    """The web UIs' paths, as in k-diffusion; diffusers' Euler begins its only step at 0."""
    for name in ("k_euler", "k_euler_ancestral", "k_dpm++2m", "k_dpm2", "restart"):
        for spacing in (None, "karras", "exponential", "sgm_uniform"):
            first = float(make_path(CONFIG, name, spacing, 1).sigmas[0])
            assert first == pytest.approx(float(CONFIG.schedule.sigmas[-1])), (name, spacing)
    assert float(make_path(CONFIG, "euler", None, 1).sigmas[0]) == float(CONFIG.schedule.sigmas[0])


def test_the_folder_decides_the_spacing_before_the_sampler_does() -> None:
    folder = SchedulerConfig(timestep_spacing="trailing", use_karras_sigmas=True)
    assert torch.equal(
        make_path(folder, "euler", None, 9).sigmas, make_path(folder, "euler", "karras", 9).sigmas
    )
    assert torch.equal(
        make_path(folder, "euler", "leading", 9).sigmas,
        make_path(CONFIG, "euler", "leading", 9).sigmas,
    )


@pytest.mark.parametrize("name", SAMPLERS)
def test_half_precision_is_walked_in_float32(name: str) -> None:
    seen = set()

    def denoise(x: Tensor, sigma: float) -> Tensor:
        seen.add(x.dtype)
        return toy(x, sigma)

    sigmas = make_path(CONFIG, name, None, 3).sigmas
    steps = [*walk(name, denoise, NOISE.start().half(), sigmas, NOISE)]
    assert seen == {torch.float32}
    assert steps[-1].x.dtype == torch.float32


def test_a_walk_does_nothing_until_it_is_asked() -> None:
    """Cancelling is not asking for the next step."""
    calls = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        calls.append(sigma)
        return toy(x, sigma)

    path = make_path(CONFIG, "euler", None, 20)
    steps_made = walk("euler", denoise, NOISE.start() * path.start, path.sigmas, NOISE)
    assert not calls
    next(steps_made)
    assert calls == [float(path.sigmas[0])]


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_steps_out_of_range(steps: int) -> None:
    with pytest.raises(UserError, match=f"steps {steps}"):
        make_path(CONFIG, "euler", None, steps)


def test_names_that_are_not_in_the_tables() -> None:
    with pytest.raises(UserError, match='did you mean "euler_ancestral"'):
        sampler("euler_ancestrl")
    with pytest.raises(UserError, match='did you mean "karras"'):
        make_path(CONFIG, "euler", "karas", 10)
    with pytest.raises(UserError, match="no share of noise"):
        walk("lms", toy, NOISE.start(), torch.tensor([1.0, 0.0]), NOISE, eta=0.5)


CURVES = [name for name, each in SAMPLERS.items() if not each.eta and name != "lcm"]


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("steps", [10, 50])
def test_from_noise_alone(name: str, steps: int) -> None:
    """Zero terminal SNR: from a first level of thousands each comes to where the curve goes.

    Data N(m, s^2) has the curve m + (x - m) sqrt((s^2 + sigma^2) / (s^2 + sigma_max^2)). Within a
    fifth of s after 50 steps, and within the spread of the data after 10: a slope that is taken
    across such a step would miss by thousands.
    """
    config = SchedulerConfig(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    spread, middle = 0.5, 1.0
    path = make_path(config, name, "karras" if name == "restart" else None, steps)
    noise = Noise([3, 4], (2, 2, 2))
    first = noise.start() * path.start

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return middle + (x - middle) * spread**2 / (spread**2 + sigma**2)

    *_, last = walk(name, denoise, first.double(), path.sigmas, noise)
    high, low = float(path.sigmas[0]), float(path.sigmas[-1])
    shrunk = math.sqrt((spread**2 + low**2) / (spread**2 + high**2))
    expected = middle + (first.double() - middle) * shrunk
    error = (last.x - expected).abs().max()
    if name != "restart":  # it draws noise on its path
        assert error < spread * (0.2 if steps == 50 else 1)
    assert last.x.abs().max() < 5
