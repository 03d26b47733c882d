"""Noise as other programs draw it: torch's generator on the CPU, or the one of NVIDIA's GPUs.

Both are streams: each draw continues where the last one ended, so unlike ``Noise`` they must be
asked in the order of the steps. Picture k has a generator of its own, seeded S + k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from calotype.diffusion.noise import Noise, philox


class TorchNoise:
    """What ``torch.randn`` gives on the CPU after ``manual_seed``; the seeds are below 2^64."""

    def __init__(
        self, seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        self.shape, self.device = tuple(shape), device
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def start(self) -> Tensor:
        """The unit noise (B, C, h, w) that the walk starts from: the first draw."""
        drawn = [torch.randn(self.shape, generator=each) for each in self._generators]
        return torch.stack(drawn).to(self.device)

    def __call__(self, index: int) -> Tensor:
        """The next draw."""
        return self.start()

    def between(self, high: float, low: float) -> Tensor:
        """The next draw."""
        return self.start()


class NvNoise:
    """What ``torch.randn`` gives on an NVIDIA GPU: Philox4x32-10 in the order of its threads.

    Element i of draw j comes from the counter (j, 0, i, 0) under the seed, by Box-Muller from the
    first two words; right to 1e-6, as the GPU rounds otherwise, and for no more elements than the
    GPU has threads.
    """

    def __init__(
        self, seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        self.shape, self.device, self._drawn = tuple(shape), device, 0
        self._keys = torch.tensor([[s & 0xFFFFFFFF, s >> 32 & 0xFFFFFFFF] for s in seeds])

    def start(self) -> Tensor:
        """The unit noise (B, C, h, w) that the walk starts from: the first draw."""
        place = torch.arange(math.prod(self.shape))[None]
        none = torch.zeros_like(place)
        low, high = self._keys[:, :1], self._keys[:, 1:]
        first, second, *_ = philox((none + self._drawn, none, place, none), (low, high))
        self._drawn += 1
        radius = (-2 * ((first.double() + 0.5) * 2.0**-32).log()).sqrt()
        angle = (second.double() + 0.5) * (2 * math.pi * 2.0**-32)
        return (radius * angle.sin()).float().reshape(-1, *self.shape).to(self.device)

    def __call__(self, index: int) -> Tensor:
        """The next draw."""
        return self.start()

    def between(self, high: float, low: float) -> Tensor:
        """The next draw."""
        return self.start()


MODES = {"philox": Noise, "torch": TorchNoise, "nv": NvNoise}


def slerp(share: float, low: Tensor, high: Tensor) -> Tensor:
    """From ``low`` to ``high`` (B, C, h, w) on the arc, in each column of each channel for itself.

    As the web UIs mix the noise of a variation into that of a seed.
    """
    norms = low.norm(dim=2, keepdim=True), high.norm(dim=2, keepdim=True)
    omega = ((low / norms[0]) * (high / norms[1])).sum(2, keepdim=True).clamp(-1, 1).acos()
    near = omega.abs() < 1e-4
    sine = torch.where(near, torch.ones_like(omega), omega.sin())
    first = torch.where(near, 1 - share, ((1 - share) * omega).sin() / sine)
    second = torch.where(near, share, (share * omega).sin() / sine)
    return first * low + second * high
