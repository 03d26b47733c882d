"""Schedule: how noisy each training timestep is, and which timestep is as noisy as that.

A noisy latent is x_t = alpha_t x0 + sigma_t n with alpha_t^2 + sigma_t^2 = 1 (variance preserving).
Everything above this file works in Karras coordinates, x = x_t / alpha_t = x0 + sigma n, where one
number, sigma = sigma_t / alpha_t, says all (Karras et al. 2022, "Elucidating the design space").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Schedule:
    """The noise levels a network was trained at, in float64 on the CPU.

    alphas_cumprod: (T,) alpha_t^2 of every timestep, in (0, 1), falling.
    whole_timesteps: whether ``t`` answers with whole timesteps only.
    """

    alphas_cumprod: Tensor
    whole_timesteps: bool = False

    def __post_init__(self) -> None:
        table = self.alphas_cumprod
        assert table.dtype == torch.float64, table.dtype
        assert table.ndim == 1
        assert len(table) > 1
        assert table[-1] > 0
        assert table[0] < 1
        assert bool((table.diff() < 0).all()), "alphas_cumprod has to fall at every timestep"

    @property
    def num_train_timesteps(self) -> int:
        """T."""
        return len(self.alphas_cumprod)

    @cached_property
    def sigmas(self) -> Tensor:
        """(T,) Karras noise levels sigma_t / alpha_t, rising with the timestep."""
        return ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt()

    def sigma(self, t: Tensor | float) -> Tensor:
        """The noise level (float64) at timesteps in [0, T - 1], log-linear between whole ones."""
        t = torch.as_tensor(t, dtype=torch.float64, device="cpu").clamp(
            0, self.num_train_timesteps - 1
        )
        below = t.floor().long().clamp(max=self.num_train_timesteps - 2)
        part = t - below
        # Powers, not exp(log): exact where part is 0 or 1, so sigma(k) is sigmas[k] to the bit.
        return self.sigmas[below] ** (1 - part) * self.sigmas[below + 1] ** part

    def t(self, sigma: Tensor | float) -> Tensor:
        """The timesteps of noise levels, float64; a level outside the table gets the nearest end.

        The inverse of ``sigma``: t(sigma(k)) == k exactly at every whole timestep k.
        """
        sigma = torch.as_tensor(sigma, dtype=torch.float64, device="cpu")
        sigma = sigma.clamp(float(self.sigmas[0]), float(self.sigmas[-1]))
        below = torch.searchsorted(self.sigmas, sigma, right=True) - 1
        below = below.clamp(0, self.num_train_timesteps - 2)
        low, high = self.sigmas[below], self.sigmas[below + 1]
        t = below + (sigma / low).log() / (high / low).log()
        return t.round() if self.whole_timesteps else t


def linear(count: int, start: float, end: float) -> Tensor:
    """(count,) betas in equal steps (Ho et al. 2020)."""
    return torch.linspace(start, end, count, dtype=torch.float64)


def scaled_linear(count: int, start: float, end: float) -> Tensor:
    """(count,) betas whose square roots are in equal steps: latent diffusion, Stable Diffusion."""
    return linear(count, math.sqrt(start), math.sqrt(end)).square()


def cosine(count: int) -> Tensor:
    """(count,) betas of the cosine schedule, capped at 0.999 (Nichol and Dhariwal 2021, eq. 17)."""
    times = torch.arange(count + 1, dtype=torch.float64) / count
    alphas_cumprod = torch.cos((times + 0.008) / 1.008 * math.pi / 2).square()
    return (1 - alphas_cumprod[1:] / alphas_cumprod[:-1]).clamp(max=0.999)


def zero_terminal_snr(alphas_cumprod: Tensor, floor: float) -> Tensor:
    """The table shifted and scaled in sqrt so that its last entry would be 0, then floored.

    Lin et al. 2023, "Common diffusion noise schedules and sample steps are flawed", algorithm 1.
    The last noise level would be infinite; ``floor`` keeps it finite.
    """
    alphas = alphas_cumprod.sqrt()
    first, last = alphas[0].clone(), alphas[-1].clone()
    rescaled = ((alphas - last) * first / (first - last)).square()
    # Long tables come below the floor before their end; the last entry stays the smallest.
    rescaled[-1] = min(floor, float(rescaled[-2]) / 2)
    return rescaled
