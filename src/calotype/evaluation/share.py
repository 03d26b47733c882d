"""Share: how many of how many, with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054  # of a normal within which 95 % lie


@dataclass(frozen=True)
class Share:
    """``right`` of ``count``."""

    right: int
    count: int

    @property
    def fraction(self) -> float:
        """Between 0 and 1."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % confidence (Wilson 1927)."""
        n, p = self.count, self.fraction
        if n == 0:
            return 0.0, 1.0
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
        # Rounding must not leave the fraction itself outside.
        return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))
