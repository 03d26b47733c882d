"""Laws of the attention core."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.layers import attend

sizes = st.integers(1, 7)


def _draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(batch=sizes, queries=sizes, keys=sizes, heads=st.integers(1, 3), width=sizes)
def test_it_is_a_softmax_of_scaled_products_head_by_head(batch, queries, keys, heads, width):
    query = _draw(batch, queries, heads * width, seed=1)
    key, value = _draw(2, batch, keys, heads * width, seed=2)
    parts = []
    for q, k, v in zip(*(x.split(width, dim=-1) for x in (query, key, value)), strict=True):
        scores = q @ k.transpose(1, 2) / width**0.5
        parts.append(scores.softmax(dim=-1) @ v)
    torch.testing.assert_close(attend(query, key, value, heads), torch.cat(parts, dim=-1))


@given(tokens=st.integers(2, 8), changed=st.integers(1, 7))
def test_causal_attention_never_looks_ahead(tokens, changed):
    changed = min(changed, tokens - 1)
    x = _draw(1, tokens, 8)
    other = x.clone()
    other[:, changed:] += 1
    before, after = (attend(y, y, y, heads=2, causal=True) for y in (x, other))
    torch.testing.assert_close(before[:, :changed], after[:, :changed])
    assert not torch.allclose(before[:, changed:], after[:, changed:])


@pytest.mark.parametrize("autocast", [False, True])
def test_bfloat16_trains_as_it_infers(autocast):
    x = _draw(2, 16, 32)
    exact = attend(x, x, x, heads=2)
    half = x.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        trained = attend(half, half, half, heads=2)
        with torch.no_grad():
            inferred = attend(half, half, half, heads=2)
    trained.sum().backward()
    assert half.grad is not None
    assert half.grad.isfinite().all()
    for result in (trained, inferred):
        assert result.dtype == torch.bfloat16
        # bfloat16 has 8 bits: inputs and output are each rounded by up to 2^-9 of values near 3.
        assert (result.double() - exact).abs().max() < 0.03
