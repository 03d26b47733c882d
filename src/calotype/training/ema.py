"""The running average of weights, which makes better pictures than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def decay(halflife: int, samples_seen: int, batch_size: int) -> float:
    """The share of the old average in the new one after a step, in [0, 1); 0: the weights alone.

    A weight of ``halflife`` samples ago counts half; early in the run the half-life is at most a
    twentieth of the samples seen, so that the random start is soon forgotten (Karras et al. 2022,
    appendix F.3 "EMA ramp-up").
    """
    halved = min(halflife, samples_seen / 20)
    return 0.5 ** (batch_size / halved) if halved > 0 else 0.0


class ExponentialAverage:
    """A running average of all parameters that a gradient moves, updated once an optimiser step.

    halflife: in samples; see ``decay``.
    """

    def __init__(self, network: nn.Module, halflife: int):
        self.halflife = halflife
        self.parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self.averages = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._shown = False

    @torch.no_grad()
    def update(self, samples_seen: int, batch_size: int) -> None:
        """Move the averages towards the present weights."""
        assert not self._shown, "the averages are in the network: nothing may train now"
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
            list(self.averages.values()),
            [p.detach() for p in self.parameters.values()],
            1 - decay(self.halflife, samples_seen, batch_size),
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While open, the network computes with the averages; nothing is copied."""
        assert not self._shown, "the averages are in the network already"
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        self._shown = not self._shown
        for name, parameter in self.parameters.items():
            parameter.data, self.averages[name] = self.averages[name], parameter.data

    def state(self) -> dict[str, Tensor]:
        """The averages by parameter name."""
        assert not self._shown, "the averages are in the network: these are the weights"
        return self.averages

    @torch.no_grad()
    def restore(self, state: dict[str, Tensor]) -> None:
        """Set the averages to those of an earlier ``state``."""
        assert state.keys() == self.averages.keys()
        for name, average in self.averages.items():
            average.copy_(state[name])
