"""Laws of a UNet's two halves: together they are the network, to the last bit."""

import weakref
from dataclasses import replace

import pytest
import torch

from calotype.condition import Condition
from calotype.presets import unet_config
from calotype.unet import UNet

TEXT = unet_config("tiny")
CONFIGS = {
    "context": TEXT,
    "classes, two layers a level": replace(TEXT, num_class_embeds=5, layers_per_block=2),
    "no middle": replace(TEXT, mid_block_type=None),
    "no context": replace(
        TEXT,
        mid_block_type="UNetMidBlock2D",
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
    ),
}


@pytest.fixture(params=CONFIGS)
def network(request: pytest.FixtureRequest) -> UNet:
    network = UNet(CONFIGS[request.param])
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 5
    return network


def inputs(network: UNet) -> tuple[torch.Tensor, torch.Tensor, Condition]:
    generator, config = torch.Generator().manual_seed(2), network.config
    condition = Condition(
        context=torch.randn(2, 5, 32, generator=generator) if config.reads_context else None,
        vector=torch.tensor([1, 4]) if config.num_class_embeds else None,
    )
    # 7 x 6: not square, and odd.
    return torch.randn(2, 4, 7, 6, generator=generator), torch.tensor([3, 901]), condition


def residuals(network: UNet) -> tuple[torch.Tensor, ...]:
    generator, encoded = torch.Generator().manual_seed(3), network.encode(*inputs(network))
    shapes = [tensor.shape for tensor in (*encoded.skips, encoded.middle)]
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


@pytest.mark.parametrize("grad", [False, True])
def test_the_halves_together_are_the_network(network: UNet, grad: bool) -> None:
    with torch.set_grad_enabled(grad):
        x, t, condition = inputs(network)
        whole = network(x, t, condition)
        assert whole.any()
        assert torch.equal(network.decode(network.encode(x, t, condition)), whole)


@pytest.mark.parametrize("grad", [False, True])
def test_residuals_between_the_halves_are_those_of_the_condition(network: UNet, grad: bool) -> None:
    with torch.set_grad_enabled(grad):
        (x, t, condition), added = inputs(network), residuals(network)
        whole = network(x, t, replace(condition, residuals=added))
        encoded = network.encode(x, t, replace(condition, residuals=added))
        assert not torch.equal(network.decode(encoded), whole), "decode adds none by itself"
        assert torch.equal(network.decode(encoded.add(added)), whole)


def test_the_plan_says_the_channels_between_the_halves(network: UNet) -> None:
    encoded = network.encode(*inputs(network))
    assert tuple(skip.shape[1] for skip in encoded.skips) == network.plan.skips
    assert encoded.emb.shape == (2, network.plan.time_channels)


def test_decoding_leaves_what_was_encoded_as_it_was(network: UNet) -> None:
    """So that a cache may decode it again."""
    with torch.no_grad():
        encoded = network.encode(*inputs(network))
        kept = [tensor.clone() for tensor in (*encoded.skips, encoded.middle, encoded.emb)]
        assert torch.equal(network.decode(encoded), network.decode(encoded))
        now = (*encoded.skips, encoded.middle, encoded.emb)
        assert all(torch.equal(one, other) for one, other in zip(kept, now, strict=True))


def test_skips_are_freed_as_they_are_used(network: UNet) -> None:
    """A record that its caller does not keep costs no memory at the end of the network."""
    alive: list[weakref.ref] = []
    encode = network.encode

    def watched(*given):
        encoded = encode(*given)
        alive.extend(weakref.ref(skip) for skip in encoded.skips)
        return encoded

    network.encode = watched
    last: list[int] = []
    network.conv_out.register_forward_pre_hook(
        lambda *_: last.append(sum(skip() is not None for skip in alive))
    )
    with torch.no_grad():
        network(*inputs(network))
    assert alive
    assert last == [0]
