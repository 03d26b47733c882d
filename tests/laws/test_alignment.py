"""Laws of representation alignment: what it compares, and what learns from it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.condition import Condition
from calotype.presets import unet_config
from calotype.scenes.features import FeatureNetwork
from calotype.training.alignment import Alignment
from calotype.training.features import coarse_features
from calotype.unet import UNet

CHANNELS = 5


def passed() -> tuple[UNet, Alignment, torch.Tensor]:
    """A UNet after a pass over two latents, its alignment, what came out."""
    torch.manual_seed(0)
    unet = UNet(unet_config("tiny"))
    alignment = Alignment(unet, CHANNELS)
    config = unet.config
    x = torch.randn(2, config.in_channels, 8, 8)
    context = torch.randn(2, 3, config.cross_attention_dim)
    return unet, alignment, unet(x, torch.tensor([3, 500]), Condition(context=context))


@given(st.floats(1e-2, 1e2), st.integers(0, 99))
def test_only_the_direction_of_features_counts(scale: float, seed: int) -> None:
    wanted = torch.randn(2, CHANNELS, 4, 4, generator=torch.Generator().manual_seed(seed))
    once, scaled = (passed()[1](each) for each in (wanted, wanted * scale))
    assert once.shape == (2, 4, 4)
    # Cosines are in [-1, 1]; rounding takes a few units of the last place.
    assert torch.all((once >= -1e-6) & (once <= 2 + 1e-6))
    torch.testing.assert_close(once, scaled, rtol=0, atol=1e-5)


def test_what_is_as_wanted_costs_nothing() -> None:
    _, alignment, _ = passed()
    (said,) = alignment._said
    wanted = alignment.project(said).detach()
    assert alignment(wanted).abs().max() < 1e-6


def test_the_blocks_up_to_the_one_that_is_heard_learn_and_no_later_one() -> None:
    unet, alignment, _ = passed()
    alignment(torch.randn(2, CHANNELS, 4, 4)).mean().backward()
    assert all(p.grad is not None for p in unet.down_blocks.parameters())
    assert all(p.grad is None for p in unet.up_blocks[-1].parameters())
    assert all(p.grad is not None for p in alignment.parameters())


def test_listening_changes_nothing() -> None:
    *_, heard = passed()
    torch.manual_seed(0)
    unet = UNet(unet_config("tiny"))
    Alignment(unet, CHANNELS)
    x, context = (
        torch.randn(2, unet.config.in_channels, 8, 8),
        torch.randn(2, 3, unet.config.cross_attention_dim),
    )
    for block in unet.up_blocks:
        block._forward_hooks.clear()
    assert torch.equal(unet(x, torch.tensor([3, 500]), Condition(context=context)), heard)


def test_features_of_a_picture_have_no_common_part() -> None:
    torch.manual_seed(1)
    encode = coarse_features(FeatureNetwork().eval(), 4)
    found = encode(torch.rand(2, 3, 32, 32) * 2 - 1)
    assert found.shape[2:] == (4, 4)
    assert found.mean((2, 3)).abs().max() == pytest.approx(0, abs=1e-6)
