"""Laws of the schedule, and of the file it is read from."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.diffusion import Schedule, SchedulerConfig
from calotype.diffusion.config import BETA_SCHEDULES
from calotype.errors import UserError


@st.composite
def configs(draw: st.DrawFn) -> SchedulerConfig:
    """Any schedule that can be written down."""
    start = draw(st.floats(1e-5, 0.01))
    return SchedulerConfig(
        num_train_timesteps=draw(st.integers(2, 2000)),
        beta_start=start,
        beta_end=draw(st.floats(start, 0.03)),
        beta_schedule=draw(st.sampled_from(BETA_SCHEDULES)),
        prediction_type=draw(st.sampled_from(["v_prediction", "sample"])),
        rescale_betas_zero_snr=draw(st.booleans()),
        set_alpha_to_one=draw(st.booleans()),
        timestep_spacing=draw(st.sampled_from([None, "trailing"])),
    )


@given(configs())
def test_t_inverts_sigma_at_every_timestep(config: SchedulerConfig) -> None:
    schedule = config.schedule
    nodes = torch.arange(schedule.num_train_timesteps, dtype=torch.float64)
    assert torch.equal(schedule.sigma(nodes), schedule.sigmas)
    assert torch.equal(schedule.t(schedule.sigma(nodes)), nodes)


@given(configs(), st.floats(0, 1))
def test_t_inverts_sigma_between_timesteps(config: SchedulerConfig, part: float) -> None:
    schedule = config.schedule
    t = part * (schedule.num_train_timesteps - 1)
    # Timesteps may lie as near as 1e-5 in log sigma, where rounding sigma costs 1e-16 / 1e-5.
    assert float(schedule.t(schedule.sigma(t))) == pytest.approx(t, abs=1e-8)


@given(configs())
def test_levels_rise_and_are_variance_preserving(config: SchedulerConfig) -> None:
    sigmas = config.schedule.sigmas
    alphas = config.schedule.alphas_cumprod.sqrt()
    assert bool((sigmas.diff() > 0).all())
    torch.testing.assert_close(
        alphas.square() + (alphas * sigmas).square(), torch.ones_like(alphas), rtol=1e-12, atol=0
    )


def test_levels_outside_the_table_get_its_ends() -> None:
    schedule = SchedulerConfig().schedule
    assert schedule.t(torch.tensor([0.0, 1e-3, 1e3])).tolist() == [0, 0, 999]


def test_rounding_a_level_to_float32_does_not_move_its_timestep() -> None:
    """What a caller holds in float32 still means the timestep it was made from."""
    schedule = SchedulerConfig().schedule
    t = schedule.t(schedule.sigmas.float())
    # 6e-8 of a level, over the least distance of two levels in log sigma, 0.0036.
    assert float((t - torch.arange(1000)).abs().max()) < 5e-5


def test_stable_diffusion_levels() -> None:
    """The ends that every program reports for Stable Diffusion's schedule."""
    sigmas = SchedulerConfig().schedule.sigmas
    assert round(float(sigmas[0]), 4) == 0.0292
    assert round(float(sigmas[-1]), 4) == 14.6146


@given(st.integers(10, 2000))
def test_zero_terminal_snr_keeps_the_first_level(count: int) -> None:
    plain = SchedulerConfig(num_train_timesteps=count, prediction_type="v_prediction")
    zero = SchedulerConfig(
        num_train_timesteps=count, prediction_type="v_prediction", rescale_betas_zero_snr=True
    )
    first = float(plain.schedule.sigmas[0])
    assert float(zero.schedule.sigmas[0]) == pytest.approx(first, rel=1e-9)
    assert float(zero.schedule.sigmas[-1]) >= 0.99e6


@given(configs())
def test_a_config_survives_its_file(config: SchedulerConfig) -> None:
    assert SchedulerConfig.from_json(config.to_json()) == config


def test_what_other_programs_wrote_survives() -> None:
    written = {
        **SchedulerConfig().to_json(),
        "_class_name": "DPMSolverMultistepScheduler",
        "_diffusers_version": "0.30.0",
        "algorithm_type": "dpmsolver++",
        "use_karras_sigmas": True,
    }
    assert SchedulerConfig.from_json(written).to_json() == written


def test_missing_keys_mean_what_the_named_class_means() -> None:
    ddim = SchedulerConfig.from_json({"_class_name": "DDIMScheduler"})
    assert (ddim.beta_schedule, ddim.beta_end) == ("linear", 0.02)
    assert (ddim.set_alpha_to_one, ddim.steps_offset) == (True, 0)
    assert not SchedulerConfig.from_json({"_class_name": "PNDMScheduler"}).set_alpha_to_one


def test_trained_betas_replace_the_formula() -> None:
    betas = [0.1, 0.2, 0.3]
    config = SchedulerConfig.from_json({"num_train_timesteps": 3, "trained_betas": betas})
    torch.testing.assert_close(
        config.schedule.alphas_cumprod.tolist(), [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7]
    )


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"beta_schedule": "scaled_liner"}, 'did you mean "scaled_linear"'),
        ({"beta_schedule": "sigmoid"}, "scaled_linear"),
        ({"prediction_type": "flow_prediction"}, "v_prediction"),
        ({"timestep_spacing": "log"}, "trailing"),
        ({"thresholding": True}, "thresholding True"),
        ({"clip_sample": True}, "clip_sample True"),
        ({"use_flow_sigmas": True}, "use_flow_sigmas"),
        ({"final_sigmas_type": "sigma_min"}, "final_sigmas_type"),
        ({"beta_strat": 0.1}, 'did you mean "beta_start"'),
        ({"beta_start": 0.0}, "beta_start"),
        ({"num_train_timesteps": 1}, "num_train_timesteps"),
        ({"num_train_timesteps": "1000"}, "num_train_timesteps"),
        ({"beta_end": None}, "beta_end"),
        ({"trained_betas": [0.1]}, "trained_betas"),
        ({"rescale_betas_zero_snr": True}, "epsilon"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(values: dict[str, object], named: str) -> None:
    with pytest.raises(UserError, match=named):
        SchedulerConfig.from_json(values)


def test_a_table_that_does_not_fall_is_ours_to_mend() -> None:
    with pytest.raises(AssertionError):
        Schedule(torch.tensor([0.9, 0.9], dtype=torch.float64))
    assert math.isclose(float(Schedule(torch.tensor([0.5, 0.2]).double()).sigmas[0]), 1.0)
