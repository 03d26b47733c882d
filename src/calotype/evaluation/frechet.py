"""The Frechet distance of two sets of features, each fitted by a normal distribution."""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """The squared distance of the normal distributions fitted to features (N, D) and (M, D).

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson & Landau 1982; Heusel et al. 2017, equation
    6). N and M must exceed D. The result is the FID only with Inception's features. It increases
    with fewer samples: compare sets of equal size only.
    """
    assert min(len(first), len(second)) > first.shape[1], "a covariance would be singular"
    (mean1, root1), (mean2, root2) = (_fitted(each.double()) for each in (first, second))
    # The singular values of one root times the other are the square roots of C1 C2's eigenvalues.
    common = torch.linalg.svdvals(root1 @ root2).sum()
    spread = root1.square().sum() + root2.square().sum()
    return float((mean1 - mean2).square().sum() + spread - 2 * common)


def _fitted(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,) and the symmetric square root (D, D) of the covariance."""
    values, vectors = torch.linalg.eigh(features.T.cov())
    return features.mean(0), (vectors * values.clamp(min=0).sqrt()) @ vectors.T
