"""The draws of a diffusion training for its samples: noise, timesteps, conditions left out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from calotype.conditioning import Conditioner
from calotype.diffusion import normal, uniform
from calotype.names import Density


def added_noise(positions: Tensor, seed: int, shape: Sequence[int], offset: float) -> Tensor:
    """The noise (B, C, h, w) that is added to samples at these positions.

    offset: deviation of what is added to all places of a channel alike. Noise without it never
    changes a picture's mean by much, so that a network learns to leave that as it finds it, and
    every picture it makes is of middling brightness (Guttenberg 2023).
    """
    noise = normal(seed, positions, "noise", shape)
    if not offset:
        return noise
    return noise + offset * normal(seed, positions, "offset", (shape[0], 1, 1))


def even_timesteps(
    positions: Tensor, seed: int, count: int, shift: float = 1.0, density: Density = "uniform"
) -> Tensor:
    """Timesteps (B,) int64 for samples at these positions, spread evenly over any run of positions.

    The multiples of the golden ratio fill an interval without clumps or gaps (a Weyl sequence), so
    that each batch sees all noise levels and the loss of a batch varies less than with independent
    draws. shift: u -> s u / (1 + (s - 1) u) for u in [0, 1) moves them towards more noise (Esser et
    al. 2024, equation 23); the density of uniform u at the noisy end is s, at the other 1 / s.
    density: of u; "logit_normal": log(u / (1 - u)) has a standard normal distribution (there,
    equation 19), so that few are near either end. The shift moves its mean by log s.
    """
    golden = 0.6180339887498949
    start = uniform(seed, torch.zeros(1, dtype=torch.int64), "timestep")
    even = (positions.double() * golden + start) % 1.0
    if density == "logit_normal":
        even = torch.special.ndtri(even).sigmoid()
    return (shift * even / (1 + (shift - 1) * even) * count).long().clamp(max=count - 1)


def condition_dropout(positions: Tensor, seed: int, conditioner: Conditioner) -> Tensor:
    """Which conditions samples at these positions keep: bool (B, E), a column for each embedder.

    Each field is left out of its embedder's share of samples (``dropout``), independently of the
    others; a field that two embedders read is kept or left out of both.
    """
    columns = [
        uniform(seed, positions, f"dropout of {embedder.field}") >= embedder.dropout
        for embedder in conditioner
    ]
    return torch.stack(columns, dim=1)
