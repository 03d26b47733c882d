"""Laws of the perceptual and adversarial losses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from calotype.autoencoder import (
    Adversarial,
    PatchDiscriminator,
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    perceptual_distance,
    ramp,
)
from calotype.diffusion import normal
from calotype.scenes import SceneSource, render
from calotype.scenes.normals import normals
from calotype.training.adversary import Adversary, AdversarySettings

seeds = st.integers(0, 2**32)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_the_hinge_counts_what_is_missing_to_one(score: float, other: float) -> None:
    """Half of each side's loss; it is zero beyond the hinge, the generator's loss is not."""
    real, fake = torch.full((2, 1, 3, 3), score), torch.full((2, 1, 3, 3), -other)
    missing = (max(0, 1 - score) + max(0, 1 - other)) / 2
    assert float(discriminator_loss(real, fake)) == pytest.approx(missing, rel=1e-5, abs=1e-6)
    assert generator_loss(fake) == pytest.approx(other)


@pytest.mark.parametrize("kind", ["hinge", "vanilla"])
def test_the_discriminator_learns_by_the_loss_that_is_named(kind: Adversarial) -> None:
    """From pictures and from reconstructions, separately."""
    adversary = Adversary(AdversarySettings(adversarial_loss=kind, adversarial_start=9), 3)
    real, fake = (normal([1, 2], 0, name, (3, 32, 32)) for name in ("real", "fake"))
    total, metrics = adversary.losses(torch.ones(()), fake, real, torch.ones(1), samples=0)
    true, made = (adversary.discriminator(each) for each in (real, fake))
    torch.testing.assert_close(total, discriminator_loss(true, made, kind))
    assert torch.equal(metrics["discriminator"], total)


@given(seeds)
def test_the_vanilla_loss_is_the_cross_entropy(seed: int) -> None:
    """Of true and false for the two halves, each with its own label."""
    real, fake = normal([seed, seed + 1], 0, "logits", (1, 4, 4)).double()
    labels = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    expected = binary_cross_entropy_with_logits(torch.cat([real, fake]), labels)
    torch.testing.assert_close(discriminator_loss(real, fake, "vanilla"), expected)


@given(seeds, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_weight_makes_both_losses_pull_alike(seed: int, a: float, b: float) -> None:
    """Whatever the scales of the two losses: |weight * gradient of one| = |gradient of other|."""
    last = normal([seed], 0, "last", (4, 4))[0].double().requires_grad_()
    first = a * (last * normal([seed], 0, "first", (4, 4))[0].double()).square().sum()
    second = b * (last * normal([seed], 0, "second", (4, 4))[0].double()).sum()
    weight = adaptive_weight(first, second, last)
    assert not weight.requires_grad
    (wanted,), (found,) = torch.autograd.grad(first, last), torch.autograd.grad(second, last)
    ratio = float(wanted.norm() / (found.norm() + 1e-4))
    assert float(weight) == pytest.approx(min(ratio, 1e4))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_ramp_rises_once_from_nothing_to_the_whole(start: int, length: int, seen: int) -> None:
    assert ramp(start - 1, start, length) == 0
    assert ramp(start + length, start, length) == 1
    assert 0 <= ramp(seen, start, length) <= ramp(seen + 1, start, length) <= 1


def test_a_patch_is_judged_whatever_the_batch() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(width=16).double()
    pictures = normal(range(4), 0, "pictures", (3, 32, 32)).double()
    alone = torch.cat([network(picture[None]) for picture in pictures])
    torch.testing.assert_close(network(pictures), alone, rtol=1e-10, atol=1e-12)
    assert alone.shape == (4, 1, 2, 2)


@given(seeds, st.floats(0.1, 10))
def test_the_distance_is_one(seed: int, scale: float) -> None:
    """Zero for equal pictures, symmetric, independent of the features' scale; at most 4."""

    def features(purpose: str) -> list[torch.Tensor]:
        return [normal([seed, seed + 1], 0, purpose, (3, 2 * side, 2)) for side in (1, 2)]

    a, b = features("a"), features("b")
    assert perceptual_distance(a, a).tolist() == [0, 0]
    torch.testing.assert_close(perceptual_distance(a, b), perceptual_distance(b, a))
    scaled = [scale * each for each in a]
    torch.testing.assert_close(
        perceptual_distance(scaled, b), perceptual_distance(a, b), rtol=1e-4, atol=1e-6
    )
    assert 0 < float(perceptual_distance(a, b).max()) <= 4


def test_the_ground_faces_up_and_all_else_the_camera() -> None:
    source = SceneSource(seed=2, count=4, objects=(1, 3))
    shown = render([source.scene(index) for index in range(4)], 64)
    facing = normals(shown.depth)
    torch.testing.assert_close(facing.norm(dim=1), torch.ones(4, 64, 64))
    near = torch.nn.functional.max_pool2d((shown.objects > 0).float(), 3, stride=1, padding=1)
    ground = facing.permute(0, 2, 3, 1)[near == 0]
    # Depths near 13 in float32 differ by 0.04 from pixel to pixel: 1e-6 / 0.04.
    torch.testing.assert_close(
        ground, torch.tensor([0.0, 0, 1]).expand_as(ground), rtol=0, atol=1e-3
    )
    middle = facing.permute(0, 2, 3, 1)[shown.objects > 0].mean(0)
    assert middle[1] < 0
