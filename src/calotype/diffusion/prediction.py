"""Prediction: what a network's output means, as three scalings; the one owner of that question.

With x = x0 + sigma n, the denoised latent is D(x, sigma) = c_skip x + c_out F(c_in x, t), where F
is the network (Karras et al. 2022, eq. 7). So the network learns F* = (x0 - c_skip x) / c_out.
"""

from __future__ import annotations

from typing import get_args

from torch import Tensor

from calotype.names import Prediction

PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)


def scalings(kind: Prediction, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(c_skip, c_out, c_in) of a prediction at noise levels ``sigma``, in sigma's shape.

    epsilon: F is the noise n (Ho et al. 2020).
    v_prediction: F is alpha n - sigma_t x0 (Salimans and Ho 2022).
    sample: F is the clean latent x0.
    """
    variance = 1 + sigma.square()
    c_in = variance.rsqrt()
    if kind == "epsilon":
        return sigma.new_ones(sigma.shape), -sigma, c_in
    if kind == "v_prediction":
        return 1 / variance, -sigma * c_in, c_in
    assert kind == "sample", kind
    return sigma.new_zeros(sigma.shape), sigma.new_ones(sigma.shape), c_in


def denoised(kind: Prediction, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
    """The clean latent x0 that a network's output means, at x = x0 + sigma n; sigma broadcasts."""
    c_skip, c_out, _ = (scale.to(x) for scale in scalings(kind, sigma))
    return c_skip * x + c_out * output


def target(kind: Prediction, x0: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
    """The network's output that means ``x0`` at x = x0 + sigma n: the inverse of ``denoised``."""
    c_skip, c_out, _ = (scale.to(x) for scale in scalings(kind, sigma))
    return (x0 - c_skip * x) / c_out
