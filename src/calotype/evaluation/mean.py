"""Mean: of measurements, with its confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from calotype.evaluation.share import Z


@dataclass(frozen=True)
class Mean:
    """Of one value or more, once they are there."""

    values: Sequence[float] = ()

    @property
    def value(self) -> float:
        return fmean(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true mean lies with 95 % confidence, by the normal; None for one value."""
        if len(self.values) == 1:
            return None
        half = Z * stdev(self.values) / len(self.values) ** 0.5
        return self.value - half, self.value + half
