"""SigmaPath: the noise levels that a sampler goes down, with its start and its end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from calotype.diffusion import Schedule, SchedulerConfig
from calotype.errors import UserError, nearest

SPACINGS = (
    "leading",
    "trailing",
    "linspace",
    "sgm_uniform",
    "karras",
    "exponential",
    "align_your_steps",
)
DISTILLED = "distilled"  # of consistency models; no request can choose it
LEARNED = 50
BY_LEVEL = (
    "karras",
    "exponential",
    "align_your_steps",
)  # these space noise levels, the others timesteps

ALIGNED = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
"""For Stable Diffusion 1.5 in 10 steps (Sabour et al. 2024); others by log-linear interpolation."""


@dataclass(frozen=True)
class Convention:
    """How a family of samplers makes its path; parity with other programs depends on it.

    spacing: when neither the request nor the folder names one.
    own: whether the spacing in the model's folder is ignored.
    nodes: how the timesteps divide. "whole": rounded, one a step. "fractional": the same, not
        rounded. "intervals": rounded, one a step and one more, the last, which is left out.
    start: "prior" is n sqrt(1 + sigma^2), the variance-preserving prior. "spacing" is that for
        leading timesteps, which begin below the last of training, and n sigma for the others.
    end: "zero"; "config": sigma_0 if the folder says set_alpha_to_one false, else zero; "first":
        sigma_0.
    karras_whole: Karras levels run over the whole table and their timesteps are rounded; else they
        run over the path's own ends and timesteps are fractional.
    skips: a path of one level more is made, and its last level above the end left out.
    restarts: the path goes up again: see ``with_restarts``.
    zero_snr_of_others: whether the last level of zero terminal SNR is as noisy as in diffusers'
        schedulers other than DDIM and DDPM: ``SchedulerConfig.schedule_of_others``.
    """

    spacing: str
    nodes: Literal["whole", "fractional", "intervals"]
    start: Literal["prior", "spacing"]
    end: Literal["zero", "config", "first"] = "zero"
    karras_whole: bool = False
    restarts: bool = False
    skips: bool = False
    own: bool = False
    zero_snr_of_others: bool = False


DDIM = Convention(spacing="leading", nodes="whole", start="prior", end="config")
DDPM = replace(DDIM, end="zero")
K_DIFFUSION = Convention(
    spacing="linspace", nodes="fractional", start="spacing", zero_snr_of_others=True
)
DPM_SOLVER = Convention(
    spacing="linspace",
    nodes="intervals",
    start="prior",
    karras_whole=True,
    zero_snr_of_others=True,
)
DEIS = replace(DPM_SOLVER, end="first")
LCM = replace(DDPM, spacing=DISTILLED, own=True)
WEB_UI = replace(K_DIFFUSION, own=True)
SKIPPING = replace(WEB_UI, skips=True)
RESTART = replace(WEB_UI, spacing="karras", restarts=True)


@dataclass(frozen=True, eq=False)
class SigmaPath:
    """The noise levels of one sampling run.

    sigmas: (steps + 1,) float64 noise levels, falling but for restarts; the last is the end.
    start: x at sigmas[0] is unit noise times this.
    final_alpha: the latent is the last x times this.
    schedule: the one that the denoiser takes its timesteps from on this path.
    """

    sigmas: Tensor
    start: float
    final_alpha: float
    schedule: Schedule


def convention_path(
    config: SchedulerConfig, convention: Convention, spacing: str | None, steps: int
) -> SigmaPath:
    """The path of ``steps`` steps by a convention over a model's schedule.

    spacing: one of SPACINGS, or None for the folder's, or else the convention's.
    """
    count = config.num_train_timesteps
    if not 1 <= steps <= count:
        raise UserError(f"steps {steps}: must be 1 to {count}")
    if spacing is not None and spacing not in SPACINGS:
        allowed = ", ".join(SPACINGS)
        raise UserError(
            f'spacing "{spacing}": must be one of {allowed}{nearest(spacing, SPACINGS)}'
        )
    schedule = config.schedule_of_others if convention.zero_snr_of_others else config.schedule
    if spacing is None and not convention.own:
        spacing = "karras" if config.use_karras_sigmas else config.timestep_spacing
    spacing = spacing or convention.spacing
    by_level = spacing if spacing in BY_LEVEL else None
    if by_level:
        own = convention.spacing if convention.spacing in SPACINGS[:2] else "linspace"
        spacing = (None if convention.own else config.timestep_spacing) or own
    at_zero = convention.end == "zero" or (convention.end == "config" and config.set_alpha_to_one)
    end = 0.0 if at_zero else float(schedule.sigmas[0])

    def levels(count: int) -> Tensor:
        t = timesteps(spacing, convention, len(schedule.sigmas), count, config.steps_offset)
        sigmas = schedule.sigma(t)
        if by_level:
            ends = schedule.sigmas if convention.karras_whole else sigmas.flip(0)
            sigmas = levels_between(by_level, float(ends[0]), float(ends[-1]), count)
        return torch.cat([sigmas, sigmas.new_tensor([end])])

    if convention.skips and steps < count:
        sigmas = torch.cat([levels(steps + 1)[:-2], levels(1)[-1:]])
    else:
        sigmas = with_restarts(levels, steps) if convention.restarts else levels(steps)
    if by_level:
        schedule = replace(schedule, whole_timesteps=convention.karras_whole)
    first = float(sigmas[0])
    from_prior = convention.start == "prior" or spacing == "leading"
    return SigmaPath(
        sigmas=sigmas,
        start=math.hypot(1, first) if from_prior else first,
        final_alpha=1 / math.hypot(1, end),
        schedule=schedule,
    )


def timesteps(spacing: str, convention: Convention, count: int, steps: int, offset: int) -> Tensor:
    """(steps,) falling timesteps in [0, count - 1], float64; names as in Lin et al. 2023, table 2.

    leading: multiples of a whole stride, moved up by ``offset``, and down again where that passes
    the end. trailing: from the last timestep down in equal strides. linspace: the last timestep,
    0, and equal strides between. sgm_uniform: linspace with one more, the last left out.
    """
    if spacing == DISTILLED:
        if not steps <= LEARNED <= count:
            raise UserError(f"steps {steps}: a consistency model has 1 to {min(count, LEARNED)}")
        chosen = np.linspace(0, LEARNED, steps, endpoint=False).astype(int)
        return torch.from_numpy((LEARNED - chosen) * (count // LEARNED) - 1.0)
    nodes = steps + 1 if convention.nodes == "intervals" else steps
    if spacing == "leading":
        t = np.arange(nodes)[::-1] * max(1, count // nodes) + float(offset)
        t -= max(0.0, t[0] - (count - 1))
    elif spacing == "trailing":
        t = np.round(count - np.arange(steps) * (count / steps)) - 1
    else:
        t = np.linspace(0, count - 1, steps + 1 if spacing == "sgm_uniform" else nodes)[::-1]
        if len(t) == 1 and convention.own:  # diffusers begins its only step at 0, the web UIs above
            t = np.array([count - 1.0])
        t = t if convention.nodes == "fractional" else np.round(t)
    return torch.from_numpy(t[:steps].copy())


def levels_between(name: str, low: float, high: float, steps: int) -> Tensor:
    """(steps,) levels from high to low, spaced by one of ``BY_LEVEL``."""
    if name == "karras":
        return karras(low, high, steps)
    if name == "exponential":
        return torch.from_numpy(np.geomspace(high, low, steps))
    wanted, known = np.linspace(0, 1, steps + 1)[:-1], np.linspace(0, 1, len(ALIGNED))
    return torch.from_numpy(np.exp(np.interp(wanted, known, np.log(ALIGNED)))).clamp(low, high)


def with_restarts(
    levels: Callable[[int], Tensor], steps: int, low: float = 0.1, high: float = 2.0
) -> Tensor:
    """A path of ``steps`` steps that goes from about ``low`` up to ``high`` again, and down anew.

    Xu et al. 2023, "Restart sampling". From 20 steps on nine of them go back once, from 36 on a
    quarter of them twice; going up counts as one.
    """
    if steps < 20:
        return levels(steps)
    again, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    down = levels(steps - again * times)
    place = int((down - low).abs().argmin())
    back = karras(float(down[place]), high, again)
    return torch.cat([down[: place + 1], *[back] * times, down[place + 1 :]])


def karras(low: float, high: float, steps: int, rho: float = 7.0) -> Tensor:
    """(steps,) levels from high to low in equal steps of sigma^(1/rho) (Karras 2022, eq. 5)."""
    ramp = torch.from_numpy(np.linspace(0, 1, steps))
    return (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
