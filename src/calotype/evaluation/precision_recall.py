"""Precision and recall: which made pictures could be true ones, and which true ones are made."""

from __future__ import annotations

import torch
from torch import Tensor

NEIGHBOURS = 3


def precision_recall(made: Tensor, true: Tensor) -> tuple[float, float]:
    """The share of ``made`` features (N, D) among the ``true`` (M, D), and of true among made.

    Among a set is what is nearer to one of its members than that member's third neighbour there
    (Kynkaanniemi et al. 2019, equations 1 to 3). Needs more than three of each.
    """
    return _inside(made, true), _inside(true, made)


def _inside(points: Tensor, others: Tensor) -> float:
    within = torch.cdist(others.double(), others.double())
    radii = within.kthvalue(NEIGHBOURS + 1, dim=1).values  # each is its own nearest
    return float((torch.cdist(points.double(), others.double()) <= radii).any(1).double().mean())
