"""How a step is taken: AdamW, the schedule of its learning rate and the clipping of gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from calotype.training.run_settings import OptimizerSettings
from calotype.training.task import Group


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
    network: nn.Module, groups: Sequence[Group], settings: OptimizerSettings
) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) over all parameters; only matrices and kernels decay.

    groups: hold each parameter of ``network`` once.
    """
    held = [parameter for group in groups for parameter in group.parameters]
    assert len(held) == len({*held}), "a parameter is in two groups"
    assert {*held} == {*network.parameters()}, "a parameter is in no group"
    found = [
        {"params": parameters, "share": group.share, "weight_decay": decay}
        for group in groups
        for decay, parameters in (
            (settings.weight_decay, [p for p in group.parameters if p.ndim > 1]),
            (0.0, [p for p in group.parameters if p.ndim <= 1]),
        )
        if parameters
    ]
    return torch.optim.AdamW(found, lr=settings.rate, betas=settings.betas, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step: of each group, its share of ``rate``."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]


def clip(groups: Sequence[Group], most: float) -> dict[str, Tensor]:
    """Shorten the gradients to ``most``, those of each norm by themselves; their norms before."""
    together: dict[str, list[nn.Parameter]] = {}
    for group in groups:
        together.setdefault(group.norm, []).extend(group.parameters)
    return {name: clip_grad_norm_(parameters, most) for name, parameters in together.items()}


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
