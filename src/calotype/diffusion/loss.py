"""What a diffusion network is trained on: the weighted squared error of its own prediction."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from calotype.condition import Condition
from calotype.diffusion.denoiser import Network
from calotype.diffusion.prediction import Prediction, scalings, target
from calotype.diffusion.schedule import Schedule

LossWeighting = Literal["uniform", "min_snr", "p2"]
WEIGHTINGS: tuple[LossWeighting, ...] = get_args(LossWeighting)


def training_loss(
    network: Network,
    schedule: Schedule,
    prediction: Prediction,
    latents: Tensor,
    t: Tensor,
    noise: Tensor,
    condition: Condition,
    weighting: LossWeighting = "uniform",
    gamma: float = 5.0,
    place_weights: Tensor | None = None,
) -> Tensor:
    """The loss of each sample (B,), in the latents' type.

    latents, noise: (B, C, h, w). t: (B,) whole timesteps in [0, T). The network sees
    alpha_t latents + sigma_t noise. place_weights: (B, h, w) how much each place counts; where they
    depend on what the latents show, the network learns means that lean towards what counts more.
    """
    sigma = schedule.sigmas[t.cpu()].reshape(-1, *[1] * (latents.ndim - 1))
    x = latents + sigma.to(latents) * noise
    _, _, c_in = scalings(prediction, sigma)
    output = network(c_in.to(x) * x, t.to(x.device, torch.float32), condition)
    error = output.to(x.dtype) - target(prediction, latents, x, sigma)
    squares = error.square()
    if place_weights is not None:
        squares = squares * place_weights[:, None]
    weights = loss_weight(weighting, prediction, sigma.flatten(), gamma)
    return squares.flatten(1).mean(1) * weights.to(x)


def loss_weight(
    weighting: LossWeighting, prediction: Prediction, sigma: Tensor, gamma: float
) -> Tensor:
    """The weight (B,) of the squared error of the network's output at noise levels ``sigma``.

    min_snr: min(SNR, gamma) on the error of x0 (Hang et al. 2023). An error of the output is c_out
    times smaller than the one of x0 it means, so c_out^2 makes it right for every prediction.
    p2: 1 / (1 + SNR) on the error of the noise (Choi et al. 2022, equation 8 with k = gamma = 1),
    whose square is SNR times that of x0. Both then hold for every prediction alike.
    """
    if weighting == "uniform":
        return torch.ones_like(sigma)
    snr = sigma.pow(-2)
    _, c_out, _ = scalings(prediction, sigma)
    if weighting == "p2":
        return snr / (1 + snr) * c_out.square()
    assert weighting == "min_snr", weighting
    return snr.clamp(max=gamma) * c_out.square()
