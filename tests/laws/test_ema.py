"""Laws of the running average: what is averaged, how far, and that it can be looked at."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from calotype.training.ema import ExponentialAverage


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))


@given(st.integers(1, 500), st.integers(1, 32), st.integers(2, 8))
def test_after_a_halflife_half_is_left(halflife: int, batch: int, steps: int) -> None:
    """From one value to another: what is left of the first is 2^(-samples / half-life)."""
    net = network()
    net.requires_grad_(True)
    for parameter in net.parameters():
        parameter.data.fill_(1.0)
    average = ExponentialAverage(net, halflife)
    for parameter in net.parameters():
        parameter.data.zero_()
    start = 20 * halflife  # from where on the half-life is not shortened
    for step in range(steps):
        average.update(start + (step + 1) * batch, batch)
    left = 0.5 ** (steps * batch / halflife)
    for value in average.state().values():
        torch.testing.assert_close(value, torch.full_like(value, left), rtol=1e-4, atol=1e-7)


def test_the_average_is_shown_and_taken_back() -> None:
    net = network()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    average = ExponentialAverage(net, 0)
    for parameter in net.parameters():
        parameter.data += 1
    with average.shown():
        for name, parameter in net.named_parameters():
            assert torch.equal(parameter, before[name])
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, before[name] + 1)


def test_showing_the_average_copies_nothing() -> None:
    """Weights and averages change places, and change back also after what fails meanwhile."""
    net = network()
    average = ExponentialAverage(net, 5)

    def places() -> list[list[int]]:
        both = (net.parameters(), average.averages.values())
        return [[tensor.data_ptr() for tensor in tensors] for tensors in both]

    before = places()
    with average.shown():
        assert places() == before[::-1]
    with pytest.raises(KeyError), average.shown():
        raise KeyError
    assert places() == before


def test_the_average_is_shown_once_at_a_time() -> None:
    """Shown twice it would be the weights again, and what is saved meanwhile no average."""
    average = ExponentialAverage(network(), 5)
    with average.shown():
        for wrong in (average.state, average.shown().__enter__, lambda: average.update(1, 1)):
            with pytest.raises(AssertionError, match="are in the network"):
                wrong()


def test_weights_of_another_type_than_the_average_are_refused() -> None:
    net = network()
    average = ExponentialAverage(net, 5)
    net.bfloat16()
    with pytest.raises(RuntimeError, match="dtype"):
        average.update(1, 1)


def test_all_that_a_gradient_moves_is_averaged() -> None:
    """And nothing else: what is moved otherwise is an average itself, or frozen."""
    net = network()
    net[0].requires_grad_(False)
    assert ExponentialAverage(net, 5).state().keys() == {"1.weight", "1.bias"}
