"""Laws of the codebook: nearest vectors, gradients straight through, both sides drawn near."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.autoencoder import Posterior, Quantizer, VQAutoencoder, VQConfig, perplexity

CONFIG = VQConfig(
    block_out_channels=(8, 16), norm_num_groups=4, num_vq_embeddings=16, vq_embed_dim=5
)


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 6))
@settings(deadline=None)
def test_each_place_becomes_the_nearest_vector(seed: int, size: int, channels: int):
    torch.manual_seed(seed)
    book, latents = Quantizer(size, channels).double(), torch.randn(2, channels, 3, 4).double()
    found = book(latents)
    torch.testing.assert_close(found.latents, book.look_up(found.indices), rtol=0, atol=1e-12)
    apart = (latents[:, None] - book.embedding.weight[None, :, :, None, None]).square().sum(2)
    nearest = (latents - book.look_up(found.indices)).square().sum(1)
    torch.testing.assert_close(nearest, apart.min(dim=1).values, rtol=1e-9, atol=1e-12)
    again = book(found.latents)
    assert torch.equal(book.look_up(again.indices), book.look_up(found.indices)), "idempotent"


def test_the_gradient_goes_straight_through():
    """As if nothing were quantised; the codebook learns from its own loss alone."""
    book, latents = Quantizer(7, 3), torch.randn(2, 3, 4, 4, requires_grad=True)
    weights = torch.randn(2, 3, 4, 4)
    (book(latents).latents * weights).sum().backward()
    assert torch.equal(latents.grad, weights)
    assert book.embedding.weight.grad is None


def test_beta_is_on_the_side_of_the_latents():
    """Equation 3: the codebook comes at full weight, the latents at beta."""
    book, latents = Quantizer(7, 3), torch.randn(2, 3, 4, 4, requires_grad=True)
    indices = book(latents).indices
    gradients = {}
    for beta in (0.0, 0.25, 1.0):
        loss = book.loss(latents, indices, beta).mean()
        gradients[beta] = torch.autograd.grad(loss, [latents, book.embedding.weight])
    assert not gradients[0.0][0].any()
    torch.testing.assert_close(gradients[0.25][0], gradients[1.0][0] / 4)
    for beta in (0.0, 0.25):
        assert torch.equal(gradients[beta][1], gradients[1.0][1])


def test_perplexity_is_how_many_are_in_use():
    assert perplexity(torch.arange(8).repeat(3), 16) == pytest.approx(8)
    assert perplexity(torch.zeros(5, dtype=torch.int64), 16) == pytest.approx(1)


def test_diffusion_sees_what_is_not_quantised_yet():
    """Posteriors without spread; two latents that quantise alike are decoded alike."""
    torch.manual_seed(0)
    model, pictures = VQAutoencoder(CONFIG), torch.rand(2, 3, 8, 12) * 2 - 1
    posterior = model.encode(pictures)
    assert posterior.mean.shape == (2, 5, 4, 6)
    assert torch.equal(posterior.sample(torch.randn(2, 5, 4, 6)), posterior.mean)
    exact = model.quantize(posterior.mean)
    with torch.no_grad():
        decoded = model.decode(posterior.mean)
        assert torch.equal(decoded, model.decode(model.quantize.look_up(exact.indices)))
    assert not posterior.std.any()
    assert torch.equal(Posterior.at(pictures).mean, pictures)
