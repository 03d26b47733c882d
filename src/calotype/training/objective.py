"""The objective of a diffusion training: latents and what is known -> the loss of each sample."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from calotype.conditioning import Conditioner
from calotype.diffusion import SchedulerConfig, training_loss
from calotype.diffusion.denoiser import Network
from calotype.diffusion.loss import LossWeighting
from calotype.errors import UserError
from calotype.example import Known
from calotype.names import Density
from calotype.settings import Settings
from calotype.training.noise_and_timesteps import added_noise, condition_dropout, even_timesteps


class ObjectiveSettings(Settings):
    """Which noise levels are drawn, and how their errors are weighed."""

    weighting: LossWeighting = Field(
        default="uniform", description="weight of the noise levels in the loss"
    )
    offset_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="deviation of a noise that is the same all over a channel, added to the other: "
        "teaches very dark and very bright pictures; 0: none",
    )
    timestep_shift: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="above 1: more samples at high noise, where words decide; 1: evenly",
    )
    timestep_density: Density = Field(
        default="uniform",
        description="how often noise levels are drawn before the shift: logit_normal, seldom near "
        "no noise and noise alone (Esser et al. 2024)",
    )


class Objective:
    """What a network that denoises latents is trained on, whatever part of it trains.

    Every draw is a function of the seed and the samples' positions in the run. UserError for a
    weighting that would leave the noisiest timestep without weight where sampling begins there.
    """

    def __init__(
        self,
        scheduler: SchedulerConfig,
        conditioner: Conditioner,
        settings: ObjectiveSettings,
        seed: int,
    ) -> None:
        require_weight(settings.weighting, scheduler.rescale_betas_zero_snr)
        self.scheduler, self.conditioner = scheduler, conditioner
        self.settings, self.seed = settings, seed

    def __call__(
        self,
        network: Network,
        latents: Tensor,
        known: Known,
        positions: Tensor,
        weights: Tensor | None = None,
    ) -> Tensor:
        """The loss of each sample, (B,).

        network: (x, t, condition) -> output, as ``diffusion.denoiser`` has it. latents: (B, C, h,
        w) scaled. known: B values of each name that the conditioner's embedders read; each is
        dropped with the probability ``dropout`` of its embedder. positions: (B,). weights: (B,
        H, W) how much each pixel of the pictures counts.
        """
        own, schedule = self.settings, self.scheduler.schedule
        noise = added_noise(positions, self.seed, latents.shape[1:], own.offset_noise)
        count, shift, density = (
            schedule.num_train_timesteps,
            own.timestep_shift,
            own.timestep_density,
        )
        t = even_timesteps(positions, self.seed, count, shift, density)
        keep = condition_dropout(positions, self.seed, self.conditioner)
        if weights is not None:
            sides = latents.shape[-2], latents.shape[-1]
            weights = F.adaptive_avg_pool2d(weights, sides).to(latents)
        return training_loss(
            network,
            schedule,
            self.scheduler.prediction_type,
            latents,
            t.to(latents.device),
            noise.to(latents),
            self.conditioner(known, keep),
            weighting=own.weighting,
            place_weights=weights,
        )


def require_weight(weighting: LossWeighting, zero_terminal_snr: bool) -> None:
    """UserError for a weighting that is 0 at the last timestep of zero terminal SNR."""
    if zero_terminal_snr and weighting != "uniform":
        raise UserError(
            f'weighting = "{weighting}": with zero terminal SNR noise alone would weigh '
            'nothing, and all sampling begins there; use "uniform"'
        )
