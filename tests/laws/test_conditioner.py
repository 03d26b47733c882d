"""Conditioning: a dropped input equals an absent one, sample by sample."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from calotype.conditioning import (
    ClassEmbedder,
    CLIPTextEncoder,
    Conditioner,
    TextEmbedder,
    Tokenizer,
)
from calotype.errors import UserError
from calotype.presets import text_config
from calotype.training.noise_and_timesteps import condition_dropout

torch.manual_seed(0)
TOKENIZER = Tokenizer.train(["a red cube and a blue ball"], 600, 8)
TEXT = TextEmbedder(
    TOKENIZER, CLIPTextEncoder(text_config("tiny").for_vocabulary(TOKENIZER)), dropout=0.1
)


class MaskEmbedder(nn.Module):
    """What a later embedder looks like: a mask that joins the latent's channels."""

    field, route, dropout = "masks", "concat", 0.25

    def forward(self, values: Tensor, keep: Tensor | None = None) -> Tensor:
        return values if keep is None else values * keep[:, None, None, None]

    def null(self, count: int) -> Tensor:
        return torch.zeros(count, 1, 2, 2)


CONDITIONER = Conditioner([TEXT, ClassEmbedder(10, dropout=0.5), MaskEmbedder()]).eval()
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["a red cube", "ball", "", "a zebra"]),
        st.integers(0, 9),
        st.floats(-1, 1, width=32),
        st.tuples(st.booleans(), st.booleans(), st.booleans()),
    ),
    min_size=1,
    max_size=4,
)


@given(SAMPLES)
@torch.inference_mode()
def test_dropped_is_null(samples: list) -> None:
    """Row k with mask = the row of sample k with nulls inserted by hand, in a batch of one."""
    texts, labels, masks, keep = zip(*samples, strict=True)
    fields = {
        "captions": texts,
        "labels": torch.tensor(labels),
        "masks": torch.tensor(masks).view(-1, 1, 1, 1).expand(-1, 1, 2, 2),
    }
    condition = CONDITIONER(fields, keep=torch.tensor(keep))
    for k, (text, label, mask, (has_text, has_label, has_mask)) in enumerate(samples):
        alone = CONDITIONER(
            {
                "captions": [text if has_text else ""],
                "labels": torch.tensor([label if has_label else 10]),
                "masks": torch.full((1, 1, 2, 2), mask if has_mask else 0.0),
            }
        )
        row = condition.map(lambda tensor, k=k: tensor[k : k + 1])
        # A larger batch is summed in another order.
        torch.testing.assert_close(row.context, alone.context, rtol=1e-5, atol=1e-6)
        assert torch.equal(row.vector, alone.vector)
        assert torch.equal(row.concat, alone.concat)


@torch.inference_mode()
def test_one_mask_for_all_embedders() -> None:
    fields = {
        "captions": ["ball", "ball"],
        "labels": torch.tensor([1, 2]),
        "masks": torch.ones(2, 1, 2, 2),
    }
    condition = CONDITIONER(fields, keep=torch.tensor([True, False]))
    null = CONDITIONER(CONDITIONER.null(1))
    assert condition.vector.tolist() == [1, 10]
    assert torch.equal(condition.map(lambda tensor: tensor[1:2]).concat, null.concat)
    torch.testing.assert_close(condition.map(lambda tensor: tensor[1:2]).context, null.context)
    assert not torch.equal(condition.context[0], condition.context[1])


@given(st.integers(0, 10**9), st.integers(0, 2**63 - 1))
def test_each_condition_is_left_out_at_its_own_share(first: int, seed: int) -> None:
    """Independent of each other: both are dropped with the product of the probabilities."""
    kept = condition_dropout(torch.arange(first, first + 4000), seed, CONDITIONER).double()
    shares = [0.1, 0.5, 0.25]
    # Four thousand draws deviate by less than 0.008; six deviations come once in 10^9.
    assert (1 - kept).mean(0).tolist() == pytest.approx(shares, abs=6 * 0.008)
    both = ((1 - kept[:, 1]) * (1 - kept[:, 2])).mean()
    assert float(both) == pytest.approx(0.5 * 0.25, abs=6 * 0.006)


@torch.inference_mode()
def test_what_takes_the_same_route_is_joined_in_order() -> None:
    two = Conditioner([TEXT, TEXT, MaskEmbedder(), MaskEmbedder()])
    condition = two({"captions": ["ball"], "masks": torch.ones(1, 1, 2, 2)})
    assert condition.context.shape == (1, 16, 32)
    assert torch.equal(condition.context[:, :8], condition.context[:, 8:])
    assert condition.concat.shape == (1, 2, 2, 2)
    assert condition.vector is None


@pytest.mark.parametrize("label", [-1, 11])
def test_labels_outside_the_table(label: int) -> None:
    with pytest.raises(UserError, match=f"class label {label}: must be from 0 to 9"):
        ClassEmbedder(10)(torch.tensor([3, label]))


def test_the_text_encoder_trains_through_the_conditioner() -> None:
    condition = Conditioner([TEXT])(
        {"captions": ["a red cube", "x"]}, keep=torch.tensor([True, False])
    )
    condition.context.square().sum().backward()
    assert TEXT.encoder.text_model.embeddings.token_embedding.weight.grad.abs().sum() > 0
