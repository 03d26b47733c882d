"""Path: which noise levels a walk goes down, where it starts and where it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from calotype.diffusion import Schedule, SchedulerConfig
from calotype.errors import UserError, nearest

SPACINGS = ("leading", "trailing", "linspace", "karras")

_ZERO_SNR_FLOOR = 2.0**-24  # that of diffusers, in all its schedulers but DDIM and DDPM


@dataclass(frozen=True)
class Convention:
    """How a family of samplers has always laid its path; what parity with other programs hangs on.

    spacing: when neither the request nor the folder names one.
    nodes: how the timesteps divide. "whole": rounded, one a step. "fractional": the same, not
        rounded. "intervals": rounded, one a step and one more, the last, which is left out.
    start: "prior" is n sqrt(1 + sigma^2), the variance-preserving prior. "spacing" is that for
        leading timesteps, which begin below the last of training, and n sigma for the others.
    end: "zero", or "config": sigma_0 if the folder says set_alpha_to_one false, else zero.
    karras_whole: Karras levels run over the whole table and their timesteps are rounded; else they
        run over the path's own ends and timesteps are fractional.
    zero_snr_floor: under the last alpha-bar, where the folder asks for zero terminal SNR; None for
        that of ``SchedulerConfig.schedule``.
    """

    spacing: str
    nodes: Literal["whole", "fractional", "intervals"]
    start: Literal["prior", "spacing"]
    end: Literal["zero", "config"] = "zero"
    karras_whole: bool = False
    zero_snr_floor: float | None = None


DDIM = Convention(spacing="leading", nodes="whole", start="prior", end="config")
DDPM = replace(DDIM, end="zero")
K_DIFFUSION = Convention(
    spacing="linspace", nodes="fractional", start="spacing", zero_snr_floor=_ZERO_SNR_FLOOR
)
DPM_SOLVER = Convention(
    spacing="linspace",
    nodes="intervals",
    start="prior",
    karras_whole=True,
    zero_snr_floor=_ZERO_SNR_FLOOR,
)


@dataclass(frozen=True, eq=False)
class Path:
    """A walk laid out.

    sigmas: (steps + 1,) float64 noise levels, falling; the last is where the walk ends.
    start: what unit noise is multiplied by to be x at sigmas[0].
    final_alpha: what the last x is multiplied by to be the latent.
    schedule: the schedule that the denoiser has to take its timesteps from on this walk.
    """

    sigmas: Tensor
    start: float
    final_alpha: float
    schedule: Schedule


def lay(config: SchedulerConfig, convention: Convention, spacing: str | None, steps: int) -> Path:
    """The path of ``steps`` steps that a convention lays over a model's schedule.

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
    schedule = config.schedule
    if convention.zero_snr_floor is not None:
        schedule = config.schedule_with(convention.zero_snr_floor)
    karras_levels = spacing == "karras" or (spacing is None and config.use_karras_sigmas)
    if spacing is None or spacing == "karras":
        spacing = config.timestep_spacing or convention.spacing
    sigmas = schedule.sigma(timesteps(spacing, convention, count, steps, config.steps_offset))
    if karras_levels:
        ends = schedule.sigmas if convention.karras_whole else sigmas.flip(0)
        sigmas = karras(float(ends[0]), float(ends[-1]), steps)
        schedule = replace(schedule, whole_timesteps=convention.karras_whole)
    at_zero = convention.end == "zero" or config.set_alpha_to_one
    end = 0.0 if at_zero else float(schedule.sigmas[0])
    first = float(sigmas[0])
    from_prior = convention.start == "prior" or spacing == "leading"
    return Path(
        sigmas=torch.cat([sigmas, sigmas.new_tensor([end])]),
        start=math.hypot(1, first) if from_prior else first,
        final_alpha=1 / math.hypot(1, end),
        schedule=schedule,
    )


def timesteps(spacing: str, convention: Convention, count: int, steps: int, offset: int) -> Tensor:
    """(steps,) falling timesteps in [0, count - 1], float64; names as in Lin et al. 2023, table 2.

    leading: multiples of a whole stride, moved up by ``offset``, and down again where that passes
    the end. trailing: from the last timestep down in equal strides. linspace: the last timestep,
    0, and equal strides between.
    """
    nodes = steps + 1 if convention.nodes == "intervals" else steps
    if spacing == "leading":
        t = np.arange(nodes)[::-1] * max(1, count // nodes) + float(offset)
        t -= max(0.0, t[0] - (count - 1))
    elif spacing == "trailing":
        t = np.round(count - np.arange(steps) * (count / steps)) - 1
    else:
        t = np.linspace(0, count - 1, nodes)[::-1]
        t = t if convention.nodes == "fractional" else np.round(t)
    return torch.from_numpy(t[:steps].copy())


def karras(low: float, high: float, steps: int, rho: float = 7.0) -> Tensor:
    """(steps,) levels from high to low in equal steps of sigma^(1/rho) (Karras 2022, eq. 5)."""
    ramp = torch.from_numpy(np.linspace(0, 1, steps))
    return (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
