"""Laws of the codebook: nearest vectors, gradients straight through, both sides drawn near."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.autoencoder import (
    Posterior,
    Quantizer,
    VQAutoencoder,
    VQConfig,
    fold_latents,
    perplexity,
)
from calotype.training.codebook import CodebookCare

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
    distances = (latents[:, None] - book.embedding.weight[None, :, :, None, None]).square().sum(2)
    nearest = (latents - book.look_up(found.indices)).square().sum(1)
    torch.testing.assert_close(nearest, distances.min(dim=1).values, rtol=1e-9, atol=1e-12)
    again = book(found.latents)
    assert torch.equal(book.look_up(again.indices), book.look_up(found.indices)), "idempotent"


def test_the_gradient_goes_straight_through():
    """As without quantisation; the codebook learns from its own loss only."""
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
    assert (posterior.mean != exact.latents).any(1).all()
    with torch.no_grad():
        decoded = model.decode(posterior.mean)
        assert torch.equal(decoded, model.decode(model.quantize.look_up(exact.indices)))
    assert not posterior.std.any()
    assert torch.equal(Posterior.at(pictures).mean, pictures)


@given(st.integers(0, 2**32), st.integers(2, 12), st.booleans())
@settings(deadline=None, max_examples=5)
def test_dead_vectors_come_back_where_latents_are(seed: int, size: int, averaged: bool):
    """Far from all latents but for one vector: some hundred batches later, all are in use."""
    torch.manual_seed(seed)
    book = Quantizer(size, 3)
    book.embedding.weight.data[1:] += 1e3
    care = CodebookCare(book, averaged)
    assert book.embedding.weight.requires_grad is not averaged
    revived = 0
    for step in range(300):
        latents = torch.randn(1, 3, 8, 8)
        found = care.update(book, latents, book(latents).indices, seed, step)
        revived += int(found["revived"])
    assert revived >= size - 1
    assert book.embedding.weight.abs().max() < 10
    assert (care.uses > 0.1 / size).all()


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=2)
def test_averaged_vectors_are_the_means_of_what_they_stand_for(seed: int):
    """Latents that never change: the vectors become the means of their own latents."""
    torch.manual_seed(seed)
    book, latents = Quantizer(2, 3), torch.randn(4, 3, 8, 8)
    book.embedding.weight.data = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]])
    care = CodebookCare(book, averaged=True)
    indices = book(latents).indices
    for step in range(1000):
        care.update(book, latents, indices, seed, step)
    places = latents.movedim(1, -1)
    for index in (0, 1):
        mean = places[indices == index].mean(0)
        torch.testing.assert_close(book.embedding.weight[index], mean, rtol=1e-4, atol=1e-4)


def test_what_is_revived_follows_from_seed_and_position():
    """The same twice, another elsewhere: a resumed run draws what the unbroken one drew."""

    def after(position: int) -> torch.Tensor:
        torch.manual_seed(0)
        book = Quantizer(8, 3)
        care = CodebookCare(book, averaged=False)
        care.uses.zero_()
        latents = torch.randn(2, 3, 8, 8)
        care.update(book, latents, book(latents).indices, 5, position)
        return book.embedding.weight.detach()

    assert torch.equal(after(7), after(7))
    assert not torch.equal(after(7), after(8))


@given(st.integers(0, 1000))
@settings(deadline=None)
def test_folding_moves_the_codebook_along(seed: int):
    """Latents of mean 0 and mean square 1 over all channels, the same vectors, the same picture."""
    torch.manual_seed(seed)
    model, pictures = VQAutoencoder(CONFIG).double(), torch.rand(3, 3, 16, 16).double() * 2 - 1
    with torch.no_grad():
        before = model.encode(pictures).mean
        chosen, shown = model.quantize(before).indices, model.decode(before)
        fold_latents(model, before.mean(dim=(0, 2, 3)), before.std(dim=(0, 2, 3)))
        after = model.encode(pictures).mean
        again = model.quantize(after).indices
    mean, std = after.mean(dim=(0, 2, 3)), after.std(dim=(0, 2, 3))
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-9)
    assert float(std.square().mean()) == pytest.approx(1)
    assert torch.equal(again, chosen)
    torch.testing.assert_close(model.decode(after), shown, rtol=1e-6, atol=1e-9)
