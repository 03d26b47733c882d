"""Precision and recall of generated pictures: overlap of their features with real ones."""

from __future__ import annotations

import torch
from torch import Tensor

NEIGHBOURS = 3


def precision_recall(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """Precision and recall in [0, 1] of generated features (N, D) against real ones (M, D).

    Precision is the share of generated features inside the set of real ones, recall the reverse. A
    feature is inside a set if it is at most as far from one of its members as that member's third
    nearest neighbour in the set (Kynkaanniemi et al. 2019, equations 1 to 3). N and M must be above
    3.
    """
    return _inside(generated, real), _inside(real, generated)


def _inside(points: Tensor, others: Tensor) -> float:
    within = torch.cdist(others.double(), others.double())
    radii = within.kthvalue(NEIGHBOURS + 1, dim=1).values  # the nearest of each is itself
    return float((torch.cdist(points.double(), others.double()) <= radii).any(1).double().mean())
