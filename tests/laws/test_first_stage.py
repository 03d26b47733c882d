"""What holds for any autoencoder and any pictures: the KL, folding, the reconstruction loss."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from calotype.autoencoder import Autoencoder, Norm, Posterior, fold_latents, reconstruction_loss
from calotype.errors import UserError
from calotype.presets import autoencoder_config


def random_autoencoder(seed: int) -> Autoencoder:
    torch.manual_seed(seed)
    return Autoencoder(autoencoder_config("tiny")).double()


@given(st.integers(0, 2**32 - 1))
def test_the_kl_is_that_of_the_normal_distributions(seed):
    moments = torch.randn(3, 8, 4, 4, generator=torch.Generator().manual_seed(seed)).double()
    posterior = Posterior.from_moments(moments)
    reference = kl_divergence(Normal(posterior.mean, posterior.std), Normal(0.0, 1.0))
    torch.testing.assert_close(posterior.kl(), reference.sum(dim=(1, 2, 3)))


@given(st.integers(0, 1000))
def test_folding_normalises_latents_and_changes_no_picture(seed):
    autoencoder = random_autoencoder(seed)
    pictures = torch.rand(3, 3, 16, 16, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        before = autoencoder.encode(pictures)
        picture = autoencoder.decode(before.mean)
        mean, std = before.mean.mean(dim=(0, 2, 3)), before.mean.std(dim=(0, 2, 3))
        fold_latents(autoencoder, mean, std)
        after = autoencoder.encode(pictures)
        again = autoencoder.decode(after.mean)
    zeros = torch.zeros_like(mean)
    torch.testing.assert_close(after.mean.mean(dim=(0, 2, 3)), zeros, atol=1e-10, rtol=0)
    torch.testing.assert_close(after.mean.std(dim=(0, 2, 3)), zeros + 1)
    torch.testing.assert_close(after.std, before.std / std[:, None, None])
    torch.testing.assert_close(again, picture)


@given(st.integers(1, 40), st.integers(1, 40))
def test_pictures_of_any_size_come_back_in_it_or_are_refused(height: int, width: int) -> None:
    """Halved as often as there are levels, an odd side would lose its last row unsaid."""
    pictures = torch.zeros(1, 3, height, width, dtype=torch.float64)
    autoencoder = random_autoencoder(1)
    if height % autoencoder.factor or width % autoencoder.factor:
        with pytest.raises(UserError, match=f"{width}x{height}: sides must be multiples of 4"):
            autoencoder.encode(pictures)
    else:
        with torch.no_grad():
            assert autoencoder.decode(autoencoder.encode(pictures).mean).shape == pictures.shape


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_a_loss_is_zero_only_for_the_picture_itself(seed, scales):
    generator = torch.Generator().manual_seed(seed)
    pictures, other = torch.rand(2, 2, 3, 16, 16, generator=generator)
    assert reconstruction_loss(pictures, pictures, None, scales).eq(0).all()
    assert reconstruction_loss(other, pictures, None, scales).gt(0).all()


@given(st.floats(-2, 2), st.integers(1, 4))
def test_an_even_error_costs_its_size_or_its_square(error, scales):
    pictures = torch.zeros(2, 3, 16, 16)
    costs: dict[Norm, float] = {"l1": abs(error), "l2": error**2}
    for norm, cost in costs.items():
        found = reconstruction_loss(pictures + error, pictures, None, scales, norm)
        assert found.tolist() == pytest.approx([cost] * 2, rel=1e-5)


@given(st.floats(1, 15), st.integers(1, 4))
def test_weights_scale_what_they_cover_and_nothing_else(weight, scales):
    pictures = torch.zeros(1, 3, 16, 16)
    left = torch.zeros_like(pictures)
    left[..., :8] = 0.5
    weights = torch.ones(1, 16, 16)
    weights[..., :8] = weight
    plain = reconstruction_loss(left, pictures, None, scales)
    torch.testing.assert_close(reconstruction_loss(left, pictures, weights, scales), weight * plain)
    torch.testing.assert_close(reconstruction_loss(left.flip(-1), pictures, weights, scales), plain)


def test_coarse_scales_see_a_faint_blob_and_not_a_texture():
    """Why there are several: errors of the same mean size, one all of a sign, one alternating."""
    pictures = torch.zeros(1, 3, 16, 16)
    blob = torch.full_like(pictures, 0.01)
    texture = blob.clone()
    texture[..., ::2] *= -1
    assert reconstruction_loss(blob, pictures, None, 1) == pytest.approx(
        reconstruction_loss(texture, pictures, None, 1).item()
    )
    assert reconstruction_loss(blob, pictures, None, 4) > 3 * reconstruction_loss(
        texture, pictures, None, 4
    )
