"""Shares and means, with their 95 % confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

Z = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True)
class Share:
    """``right`` of ``count``."""

    right: int
    count: int

    @property
    def fraction(self) -> float:
        """Between 0 and 1; 0 of a count of 0."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the true share (Wilson 1927)."""
        n, p = self.count, self.fraction
        if n == 0:
            return 0.0, 1.0
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
        # Rounding must not put the fraction itself outside.
        return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))


@dataclass(frozen=True)
class Mean:
    """The mean of measured values, of which there must be one at least."""

    values: Sequence[float] = ()

    @property
    def value(self) -> float:
        """The arithmetic mean."""
        return fmean(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval of the true mean, by the normal distribution; None for one value."""
        if len(self.values) == 1:
            return None
        half = Z * stdev(self.values) / len(self.values) ** 0.5
        return self.value - half, self.value + half


def estimate(found: Share | Mean) -> float:
    """The fraction of a share, the value of a mean."""
    return found.fraction if isinstance(found, Share) else found.value


def formatted(found: Share | Mean, digits: int = 3) -> tuple[str, str]:
    """The estimate and its interval as text, ``("0.960", "0.923-0.980")``; no interval: ``""``."""
    between = found.interval
    interval = f"{between[0]:.{digits}f}-{between[1]:.{digits}f}" if between else ""
    return f"{estimate(found):.{digits}f}", interval
