"""The adversarial part of the autoencoder's loss: both losses, their weight, their ramp."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Adversarial = Literal["hinge", "vanilla"]
MAX_ADAPTIVE_WEIGHT = 1e4
EPSILON = 1e-4


def discriminator_loss(real: Tensor, fake: Tensor, kind: Adversarial = "hinge") -> Tensor:
    """The discriminator's loss from its logits for pictures and reconstructions, of any shape: ().

    hinge: Lim & Ye 2017, equation 7. vanilla: the cross entropy of Goodfellow et al. 2014,
    equation 1. Both are halved, as in VQGAN.
    """
    if kind == "hinge":
        return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
    return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())


def generator_loss(fake: Tensor) -> Tensor:
    """The autoencoder's loss from the logits for its reconstructions, of any shape: ()."""
    return -fake.mean()


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last: Tensor) -> Tensor:
    """The weight that gives both losses gradients of equal norm at the decoder's last layer: ().

    |grad of reconstruction| / |grad of adversarial| with respect to the weight ``last``, at most
    1e4 (Esser et al. 2021, equation 7). No gradient flows through it.
    """
    wanted = torch.autograd.grad(reconstruction, last, retain_graph=True)[0]
    found = torch.autograd.grad(adversarial, last, retain_graph=True)[0]
    return (wanted.norm() / (found.norm() + EPSILON)).clamp(max=MAX_ADAPTIVE_WEIGHT).detach()


def ramp(samples_seen: int, start: int, length: int) -> float:
    """0 before ``start`` samples, then a linear rise to 1 over ``length`` samples."""
    if samples_seen < start:
        return 0.0
    return min(1.0, (samples_seen - start + 1) / max(1, length))
