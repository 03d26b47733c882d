"""Denoiser: schedule, prediction and network as one function (x, sigma, condition) -> x0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from calotype.condition import Condition
from calotype.diffusion.prediction import Prediction, denoised, scalings
from calotype.diffusion.schedule import Schedule

Network = Callable[[Tensor, Tensor, Condition], Tensor]


@dataclass(frozen=True, eq=False)
class Denoiser:
    """What samplers and guidance know of a model.

    network: (x_t (B, C, h, w), t (B,) float32, condition) -> output (B, C, h, w).
    schedule: where the network's timesteps come from.
    prediction: what the network's output means.
    dtype: what the network computes in; None for whatever x is in.
    """

    network: Network
    schedule: Schedule
    prediction: Prediction
    dtype: torch.dtype | None = None

    def __call__(self, x: Tensor, sigma: Tensor | float, condition: Condition) -> Tensor:
        """The clean latent (B, C, h, w) that the network sees in x = x0 + sigma n.

        sigma: one noise level, or (B,) of them. The answer has x's type: only the network computes
        in ``dtype``, the state around it keeps its precision.
        """
        # Levels and timesteps in float64, so that rounding never moves a timestep.
        levels = torch.as_tensor(sigma, dtype=torch.float64, device="cpu").expand(len(x))
        t = self.schedule.t(levels).to(x.device, torch.float32)
        levels = levels.reshape(-1, *[1] * (x.ndim - 1))
        _, _, c_in = scalings(self.prediction, levels)
        output = self.network((c_in.to(x) * x).to(self.dtype or x.dtype), t, condition)
        return denoised(self.prediction, output.to(x.dtype), x, levels)
