"""How a step is taken: AdamW and the schedule of its learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from calotype.training.settings import OptimizerSettings


def rate_at(settings: OptimizerSettings, samples_seen: int, samples: int) -> float:
    """The learning rate for the step that begins after ``samples_seen`` of ``samples``."""
    warm = min(1.0, (samples_seen + 1) / settings.warmup) if settings.warmup else 1.0
    done = min(1.0, samples_seen / samples)
    decays = {
        "constant": 1.0,
        "linear": 1 - (1 - settings.floor) * done,
        "cosine": settings.floor + (1 - settings.floor) * (1 + math.cos(math.pi * done)) / 2,
    }
    return settings.rate * warm * decays[settings.decay]


def adamw(
    network: nn.Module, settings: OptimizerSettings, shares: Mapping[str, float]
) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) over all parameters; only matrices and kernels decay.

    shares: what part of the rate the parameters get whose names begin so; all others get the whole.
    """
    found: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        share = next((share for start, share in shares.items() if name.startswith(start)), 1.0)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        found.setdefault((share, decay), []).append(parameter)
    groups = [
        {"params": parameters, "share": share, "weight_decay": decay}
        for (share, decay), parameters in found.items()
    ]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=settings.betas, fused=True)


def optimizer_state(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """The optimiser's tensors, named ``parameter/moment``."""
    return {
        f"{name}/{moment}": value
        for name, parameter in network.named_parameters()
        for moment, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, network: nn.Module, state: dict[str, Tensor]
) -> None:
    """Give the optimiser the tensors that ``optimizer_state`` took."""
    parameters = dict(network.named_parameters())
    for key, value in state.items():
        name, moment = key.rsplit("/", 1)
        parameter = parameters[name]
        # Also the count of steps: the fused kernel keeps it beside the weights.
        optimizer.state[parameter][moment] = value.to(parameter.device).clone()
