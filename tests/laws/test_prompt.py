"""Laws of long and weighted prompts: what is cut, what is weighed, what stays the same."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.condition import Condition, repeat_to_common_length
from calotype.conditioning import CLIPTextEncoder, Tokenizer
from calotype.conditioning.grammar import parse_weights
from calotype.conditioning.prompt import COMMA_BACKTRACK, Prompts, chunks, encode_prompts
from calotype.layers.attention import attend
from calotype.presets import text_config

torch.manual_seed(0)
LONGEST = 34
TOKENIZER = Tokenizer.train(["a red cube, and a blue ball"], 600, LONGEST)
CONFIG = text_config("tiny").for_vocabulary(TOKENIZER)
ENCODER = CLIPTextEncoder(
    type(CONFIG)(**{**CONFIG.__dict__, "max_position_embeddings": LONGEST})
).eval()
torch.nn.init.normal_(ENCODER.text_model.final_layer_norm.bias, 0.3)  # as trained ones have
ROOM = LONGEST - 2
WORDS = st.lists(st.sampled_from(["a", "red", "cube", ",", "ball", "(and)", "[blue]"]), max_size=90)
TEXTS = WORDS.map(" ".join)


def encode(texts: list[str], weighting: str = "none", clip_skip: int = 1) -> torch.Tensor:
    return encode_prompts(TOKENIZER, ENCODER, Prompts(tuple(texts), weighting, clip_skip))


@given(TEXTS)
def test_chunks_hold_all_tokens_in_order(text: str) -> None:
    found = chunks(TOKENIZER, text, "a1111")
    every = [id for chunk in found for id in chunk.ids]
    assert every == [
        id for piece in parse_weights(text) for id in TOKENIZER.tokens(piece.text or "")
    ]
    assert all(len(chunk.ids) == len(chunk.weights) <= ROOM for chunk in found)
    comma = TOKENIZER.tokens(",")[0]
    for chunk in found[:-1]:
        # Full, or cut after a comma that is near the end.
        near = ROOM - len(chunk.ids) < COMMA_BACKTRACK and chunk.ids[-1] == comma
        assert len(chunk.ids) == ROOM or near


@given(TEXTS)
def test_a_text_that_fits_is_one_row_of_the_tokenizer(text: str) -> None:
    (first, *more) = chunks(TOKENIZER, text, "none")
    row = TOKENIZER.encode([text])[0].tolist()
    assert TOKENIZER.row(first.ids)[: ROOM - COMMA_BACKTRACK] == row[: ROOM - COMMA_BACKTRACK]
    if not more:
        assert TOKENIZER.row(first.ids) == row


def test_a_break_ends_a_chunk() -> None:
    found = chunks(TOKENIZER, "a BREAK red BREAK BREAK cube", "a1111")
    assert [len(chunk.ids) for chunk in found] == [1, 1, 0, 1]
    assert len(chunks(TOKENIZER, "a BREAK red", "none")) == 1


@pytest.mark.parametrize("weighting", ["a1111", "comfy", "none"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=3))
@torch.no_grad()
def test_a_text_does_not_hear_of_the_others(weighting: str, texts: list[str]) -> None:
    """Its context is its own, repeated to the length of all."""
    together = encode(texts, weighting)
    for text, row in zip(texts, together, strict=True):
        alone = encode([text], weighting)[0]
        assert len(row) % len(alone) == 0
        expected = alone.repeat(len(row) // len(alone), 1)
        # Larger products are rounded in another order.
        torch.testing.assert_close(row, expected, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_attention_over_repeated_tokens_is_attention_over_them_once(
    times: int, count: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (
        torch.randn(2, n, 8, generator=generator, dtype=torch.float64) for n in (3, count, count)
    )
    once = attend(q, k, v, 2)
    again = attend(q, k.repeat(1, times, 1), v.repeat(1, times, 1), 2)
    torch.testing.assert_close(again, once, rtol=1e-12, atol=1e-12)


def test_contexts_of_two_lengths_stand_side_by_side() -> None:
    short, long = torch.randn(1, 2, 4), torch.randn(2, 3, 4)
    both = Condition.stack([Condition(context=short), Condition(context=long)]).context
    assert both is not None
    assert both.shape == (3, 6, 4)
    assert torch.equal(repeat_to_common_length([short, long]), both)
    assert torch.equal(both[0], short[0].repeat(3, 1))


@torch.no_grad()
def test_weights_are_those_of_the_programs() -> None:
    z = encode(["red cube"])[0]
    empty = encode([""])[0]
    weights = torch.ones(LONGEST, 1)
    weights[2] = 1.3
    a1111, comfy = (encode(["red (cube:1.3)"], weighting)[0] for weighting in ("a1111", "comfy"))
    scaled = z * weights
    torch.testing.assert_close(a1111, scaled * (z.mean() / scaled.mean()))
    torch.testing.assert_close(comfy, empty + (z - empty) * weights)
    assert torch.equal(encode(["(red:1) cube"], "comfy")[0], z)


@torch.no_grad()
def test_clip_skip_reads_an_earlier_layer_after_the_same_norm() -> None:
    ids = torch.tensor([TOKENIZER.row(TOKENIZER.tokens("a red cube"))])
    layers = ENCODER.text_model.encoder.layers
    for skip in range(1, len(layers) + 1):
        x = ENCODER.text_model.embeddings(ids)
        for layer in layers[: len(layers) + 1 - skip]:
            x = layer(x)
        expected = ENCODER.text_model.final_layer_norm(x)
        found = encode(["a red cube"], clip_skip=skip)
        assert torch.equal(found, expected)
