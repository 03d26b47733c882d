"""Our samplers walk the trajectories of diffusers' schedulers, step by step, in float32.

The reference is driven as its own pipelines drive it: config from a folder through ``from_config``,
``init_noise_sigma``, ``scale_model_input``, ``step``. The network is a small nonlinear function of
(x_t, t) that turns quickly with t, so that a timestep wrong by a tenth shows.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import diffusers
import pytest
import torch
from diffusers.schedulers import (
    scheduling_ddpm,
    scheduling_dpmsolver_multistep,
    scheduling_euler_ancestral_discrete,
    scheduling_k_dpm_2_ancestral_discrete,
    scheduling_lcm,
)
from torch import Tensor

from calotype.condition import Condition
from calotype.diffusion import Denoiser, Noise, SchedulerConfig
from calotype.diffusion.config import TIMESTEP_SPACINGS
from calotype.sampling import SAMPLERS, make_path

SHAPE = (4, 3, 3)


class InOrder(Noise):
    """Noise that counts what it draws, as one generator does."""

    def __call__(self, index: int) -> Tensor:
        return super().__call__(index)

    def between(self, high: float, low: float) -> Tensor:
        self.__dict__["drawn"] = self.__dict__.get("drawn", -1) + 1
        return self(self.__dict__["drawn"])


NOISE = Noise(seeds=(5, 6), shape=SHAPE)
DRAWING = (
    scheduling_ddpm,
    scheduling_dpmsolver_multistep,
    scheduling_euler_ancestral_discrete,
    scheduling_k_dpm_2_ancestral_discrete,
    scheduling_lcm,
)
STEPS = (1, 2, 7, 20, 50)

# Float32 tables on their side, float64 on ours: noise levels differ by up to 2e-5 near t = 0.
TOLERANCE = 1e-4

LOOSER = {
    "lms": 3e-4,  # they integrate by quadrature to a relative 1e-4
    "dpm2_ancestral": 3e-4,  # in two steps theirs looks half-way at t = 0.01, rounded
}

STABLE_DIFFUSION = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}

CLASSES = {
    "ddim": diffusers.DDIMScheduler,
    "ddpm": diffusers.DDPMScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "euler_ancestral": diffusers.EulerAncestralDiscreteScheduler,
    "heun": diffusers.HeunDiscreteScheduler,
    "dpm++2m": diffusers.DPMSolverMultistepScheduler,
    "dpm++2m_sde": diffusers.DPMSolverMultistepScheduler,
    "plms": diffusers.PNDMScheduler,
    "lms": diffusers.LMSDiscreteScheduler,
    "dpm2": diffusers.KDPM2DiscreteScheduler,
    "dpm2_ancestral": diffusers.KDPM2AncestralDiscreteScheduler,
    "unipc": diffusers.UniPCMultistepScheduler,
    "deis": diffusers.DEISMultistepScheduler,
    "lcm": diffusers.LCMScheduler,
}
OPTIONS = {"dpm++2m_sde": {"algorithm_type": "sde-dpmsolver++"}}
TWO_CALLS = ("heun", "dpm2", "dpm2_ancestral")
# Those whose state is x_t; the others' is x_t / alpha_t.
PRIOR = ("ddim", "ddpm", "dpm++2m", "dpm++2m_sde", "plms", "unipc", "deis", "lcm")


def network(x: Tensor, t: Tensor, condition: Condition | None = None) -> Tensor:
    """A stand-in for a UNet: bounded, mixing channels and places, turning with t."""
    phase = 0.1 * t.reshape(-1, 1, 1, 1).to(x.dtype)
    mixed = x.roll(1, 1) - 0.5 * x.roll(1, 3)
    return torch.tanh(0.6 * x + 0.3 * mixed) + 0.4 * torch.sin(phase + 0.5 * x)


def reference(
    name: str,
    values: dict[str, Any],
    steps: int,
    monkeypatch: pytest.MonkeyPatch,
    **step_options: Any,
) -> Iterator[Tensor]:
    """x / alpha after each step of diffusers' scheduler (after each pair of calls, for Heun)."""
    calls = iter(range(10_000))
    for module in DRAWING:
        monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: NOISE(next(calls)))
    scheduler = CLASSES[name].from_config({**values, **OPTIONS.get(name, {})})
    scheduler.set_timesteps(steps)
    sample = NOISE.start() * scheduler.init_noise_sigma
    levels = make_path(SchedulerConfig.from_json(values), name, None, steps).sigmas[1:]
    for index, t in enumerate(scheduler.timesteps):
        if step_options.get("eta"):
            step_options["variance_noise"] = NOISE(index)
        output = network(scheduler.scale_model_input(sample, t), t.expand(len(sample)))
        sample = scheduler.step(output, t, sample, **step_options).prev_sample
        if name in TWO_CALLS:
            # The second call of a step is the one that ends it; the last step has only a first.
            if index % 2 == 0 and index < len(scheduler.timesteps) - 1:
                continue
            index //= 2
        if name == "plms" and steps > 1:
            # The first step has two calls, the second of which ends it.
            if index == 0:
                continue
            index -= 1
        yield sample * (1 + levels[index] ** 2).sqrt() if name in PRIOR else sample


def walk(name: str, denoise: Callable, x: Tensor, sigmas: Tensor, noise, eta=None) -> Iterator:
    """The steps of a sampler whose denoiser reads the noise level alone."""
    return SAMPLERS[name].bind(eta)(lambda x, at: denoise(x, at.sigma), x, sigmas, noise=noise)


def compare(
    name: str,
    values: dict[str, Any],
    steps: int,
    monkeypatch: pytest.MonkeyPatch,
    tolerance: float | None = None,
    **options: Any,
) -> None:
    config = SchedulerConfig.from_json(values)
    path = make_path(config, name, None, steps)
    denoiser = Denoiser(network, path.schedule, config.prediction_type)
    walked = walk(
        name,
        lambda x, sigma: denoiser(x, sigma, Condition()),
        NOISE.start() * path.start,
        path.sigmas,
        InOrder(NOISE.seeds, NOISE.shape),
        **options,
    )
    expected = list(reference(name, values, steps, monkeypatch, **options))
    count = 0
    for step, theirs in zip(walked, expected, strict=True):
        assert step.x.dtype == torch.float32
        error = float((step.x - theirs).abs().max() / theirs.abs().max())
        bound = tolerance or LOOSER.get(name, TOLERANCE)
        assert error < bound, f"step {step.index} of {steps}: {error:.1e}"
        count += 1
    assert count == steps


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", CLASSES)
def test_a_stable_diffusion_folder(
    name: str, steps: int, prediction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder's own file, which names no spacing: each class has its own."""
    if (name, prediction) == ("plms", "v_prediction"):
        pytest.skip("theirs mixes v of several timesteps, the paper noise")
    compare(name, {**STABLE_DIFFUSION, "prediction_type": prediction}, steps, monkeypatch)


# Their DDIM and PLMS step to t - 1000 // steps, whatever timestep comes next: where strides are not
# that, the network is told another t than its input has. Ours never is; nothing to compare there.
COMPARABLE = [
    (name, spacing, steps)
    for name in CLASSES
    for spacing in TIMESTEP_SPACINGS
    for steps in STEPS
    if name not in ("ddim", "plms")
    or spacing == "leading"
    or (spacing == "trailing" and 1000 % steps == 0)
]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(("name", "spacing", "steps"), COMPARABLE)
def test_spacings(
    name: str, spacing: str, steps: int, prediction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (name, prediction) == ("plms", "v_prediction"):
        pytest.skip("theirs mixes v of several timesteps, the paper noise")
    values = {**STABLE_DIFFUSION, "timestep_spacing": spacing, "prediction_type": prediction}
    compare(name, values, steps, monkeypatch)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("spacing", TIMESTEP_SPACINGS)
@pytest.mark.parametrize(
    "name", ["euler", "heun", "lms", "dpm++2m", "dpm++2m_sde", "unipc", "deis"]
)
def test_karras_levels(
    name: str, spacing: str, steps: int, prediction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (name, steps) == ("deis", 1):
        pytest.skip("their only level is also their last: they do not move")
    values = {**STABLE_DIFFUSION, "timestep_spacing": spacing, "prediction_type": prediction}
    compare(name, {**values, "use_karras_sigmas": True}, steps, monkeypatch)


@pytest.mark.parametrize("eta", [0.5, 1.0])
@pytest.mark.parametrize("to_one", [False, True])
def test_ddim_with_noise(eta: float, to_one: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    compare("ddim", {**STABLE_DIFFUSION, "set_alpha_to_one": to_one}, 20, monkeypatch, eta=eta)


@pytest.mark.parametrize(
    "name", ["ddim", "euler", "euler_ancestral", "dpm++2m", "dpm++2m_sde", "unipc", "lcm"]
)
@pytest.mark.parametrize("steps", [1, 2, 20, 50])
def test_zero_terminal_snr(name: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        **STABLE_DIFFUSION,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }
    # Their Euler step from sigma 4096 to 1 or less is rounded at the last bit of 4096 (5e-4).
    coarse = name.startswith("euler") and steps <= 2
    compare(name, values, steps, monkeypatch, tolerance=1e-3 if coarse else None)


@pytest.mark.parametrize(
    "name", ["ddim", "ddpm", "euler", "heun", "lms", "dpm++2m", "dpm++2m_sde", "unipc", "deis"]
)
def test_a_network_that_predicts_the_sample(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(name, {**STABLE_DIFFUSION, "prediction_type": "sample"}, 20, monkeypatch)


@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("zero_snr", [False, True])
def test_tables(betas: str, zero_snr: bool) -> None:
    values = {
        **STABLE_DIFFUSION,
        "beta_schedule": betas,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": zero_snr,
    }
    ours = SchedulerConfig.from_json(values).schedule.alphas_cumprod
    theirs = diffusers.DDIMScheduler.from_config(values).alphas_cumprod.double()
    # A thousand float32 products on their side.
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-9)


def test_what_we_write_diffusers_reads_as_the_same_schedule() -> None:
    config = replace(SchedulerConfig(), prediction_type="v_prediction", timestep_spacing="trailing")
    theirs = diffusers.DDIMScheduler.from_config(config.to_json())
    assert theirs.config.prediction_type == "v_prediction"
    assert theirs.config.timestep_spacing == "trailing"
    assert theirs.config.set_alpha_to_one is False
    assert theirs.config.clip_sample is False
    assert theirs.config.steps_offset == 1
    torch.testing.assert_close(
        theirs.alphas_cumprod.double(), config.schedule.alphas_cumprod, rtol=1e-4, atol=0
    )


# Samplers that diffusers has not, or not as people know them: k-diffusion's published formulas,
# over t = -log sigma.


def published_2s_ancestral(x: Tensor, sigmas: list[float], eta: float) -> Iterator[Tensor]:
    for index, (here, there) in enumerate(pairwise(sigmas)):
        found = toy(x, here)
        up = min(there, eta * (there**2 * (here**2 - there**2) / here**2) ** 0.5)
        down = (there**2 - up**2) ** 0.5
        if down == 0:
            x = x + (x - found) / here * (down - here)
        else:
            t, t_next = -math.log(here), -math.log(down)
            h = t_next - t
            s = t + h / 2
            x_2 = (math.exp(-s) / math.exp(-t)) * x - math.expm1(-h / 2) * found
            found_2 = toy(x_2, math.exp(-s))
            x = (math.exp(-t_next) / math.exp(-t)) * x - math.expm1(-h) * found_2
        if there > 0:
            x = x + NOISE(index).double() * up
        yield x


def published_sde(x: Tensor, sigmas: list[float], eta: float) -> Iterator[Tensor]:
    def split(here: float, there: float) -> tuple[float, float]:
        up = min(there, eta * (there**2 * (here**2 - there**2) / here**2) ** 0.5)
        return (there**2 - up**2) ** 0.5, up

    for here, there in pairwise(sigmas):
        found = toy(x, here)
        if there == 0:
            x = x + (x - found) / here * (there - here)
        else:
            t, t_next = -math.log(here), -math.log(there)
            s = t + (t_next - t) / 2
            half = math.exp(-s)
            down, up = split(here, half)
            s_down = -math.log(down)
            x_2 = (math.exp(-s_down) / here) * x - math.expm1(t - s_down) * found
            x_2 = x_2 + NOISE.between(here, half).double() * up
            found_2 = toy(x_2, half)
            down, up = split(here, there)
            t_down = -math.log(down)
            x = (math.exp(-t_down) / here) * x - math.expm1(t - t_down) * found_2
            x = x + NOISE.between(here, there).double() * up
        yield x


def published_3m_sde(x: Tensor, sigmas: list[float], eta: float) -> Iterator[Tensor]:
    found_1 = found_2 = h_1 = h_2 = None
    for here, there in pairwise(sigmas):
        found = toy(x, here)
        if there == 0:
            yield found
            return
        h = math.log(here) - math.log(there)
        h_eta = h * (eta + 1)
        x = math.exp(-h_eta) * x - math.expm1(-h_eta) * found
        phi_2 = math.expm1(-h_eta) / h_eta + 1
        if h_2 is not None:
            r0, r1 = h_1 / h, h_2 / h
            d1_0, d1_1 = (found - found_1) / r0, (found_1 - found_2) / r1
            d1 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1)
            d2 = (d1_0 - d1_1) / (r0 + r1)
            x = x + phi_2 * d1 - (phi_2 / h_eta - 0.5) * d2
        elif h_1 is not None:
            x = x + phi_2 * (found - found_1) / (h_1 / h)
        if eta:
            up = there * (-math.expm1(-2 * h * eta)) ** 0.5
            x = x + NOISE.between(here, there).double() * up
        found_1, found_2, h_1, h_2 = found, found_1, h, h_1
        yield x


def toy(x: Tensor, sigma: float) -> Tensor:
    return torch.tanh(x / math.hypot(1, sigma)) + 0.1 * x.roll(1, 1) / (1 + sigma**2)


PUBLISHED = {
    "dpm++2s_ancestral": published_2s_ancestral,
    "dpm++sde": published_sde,
    "dpm++3m_sde": published_3m_sde,
}


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("steps", [*STEPS[:-1], pytest.param(STEPS[-1], marks=pytest.mark.slow)])
@pytest.mark.parametrize("spacing", ["linspace", "karras"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_formulas(name: str, spacing: str, steps: int, eta: float) -> None:
    path = make_path(SchedulerConfig(), name, spacing, steps)
    start = NOISE.start().double() * path.start
    expected = list(PUBLISHED[name](start, path.sigmas.tolist(), eta))
    walked = walk(name, toy, start, path.sigmas, NOISE, eta=eta)
    for step, theirs in zip(walked, expected, strict=True):
        # Both in float64: only the order of the operations differs.
        torch.testing.assert_close(step.x, theirs, rtol=1e-9, atol=1e-9)
