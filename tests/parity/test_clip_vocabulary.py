"""CLIP's own 49,408 tokens, as packaged: transformers' ids for whatever people write."""

from dataclasses import replace
from pathlib import Path

import pytest
import transformers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calotype.conditioning import Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary

UNCUT = 4_000  # tokens: longer than the texts here, so that every one of their ids is compared
SENTENCE = "a photograph of an astronaut riding the horse's 2 shiny unicycles naïvely, über-fast!"
WORDS = SENTENCE.split()
CORPUS = {
    "empty": ("", " ", "\n\t"),
    "emoji": ("🦊🎨", "👩‍🚀 on 🌕", "👍🏽👍🏿", "🇫🇷🇯🇵", "❤️‍🔥", "a🟥b"),
    "CJK": ("日本語のテキスト", "一只红色的狐狸", "빨간 여우", "ﾊﾝｶｸ ｶﾅ", "「引用」、。"),
    "combining marks": ("e\u0301", "Z\u0351\u036b\u0343a\u0321lgo", "ก็ที่", "נִקּוּד", "i\u0307", "å Å"),
    "contractions": (
        "don't",
        "they'VE I'm we'll he'd 's 't",
        "o''clock",
        "l’été",
        "'''s",
        "rock'n'roll",
    ),
    "control characters": (
        "\x00",
        "a\x07b\x1b[31m",
        "\u200b\u200d\ufeff",
        "\x85\u2028\u2029",
        "\u202eabc",
    ),
    "special tokens": (
        "<|startoftext|>",
        "<|endoftext|> cat",
        "<|ENDOFTEXT|>",
        "<|end oftext|>",
        "</w>",
    ),
    "case": ("İSTANBUL", "ẞ ß ﬁ Ǆ", "ΣΑΣ ς", "ABCdef"),
    "numbers": ("3.14159", "½ ² Ⅷ ٣", "1girl", "2024-11-21", "𝟙𝟚"),
    "grammar": ("(red:1.3), [[dull]] {a|b}", "\\(x\\)", "a:b::c", "<lora:x:0.8>", "BREAK AND"),
}
CLIP = Tokenizer(clip_vocabulary())
CORPUS_TEXTS = [text for texts in CORPUS.values() for text in texts]
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(CORPUS_TEXTS + WORDS),
        st.text(max_size=20),
        st.characters(categories=["Mn", "Mc", "Cc", "Cf", "Zs", "So", "Lo", "No"]),
    ),
    max_size=12,
).map("".join)


@pytest.fixture(scope="module", params=["<|endoftext|>", "!"])
def pair(request, tmp_path_factory) -> tuple[Tokenizer, transformers.CLIPTokenizer]:
    """Ours and theirs with the padding of Stable Diffusion 1 and 2, reading texts whole."""
    folder: Path = tmp_path_factory.mktemp("clip")
    ours = Tokenizer(replace(clip_vocabulary(request.param), max_length=UNCUT))
    ours.save(folder)
    return ours, transformers.CLIPTokenizer.from_pretrained(folder)


def require_same(pair: tuple[Tokenizer, transformers.CLIPTokenizer], text: str) -> None:
    ours, theirs = pair
    expected = theirs(text).input_ids
    found = ours.encode([text])[0]
    assert found[: len(expected)].tolist() == expected
    assert (found[len(expected) :] == ours.pad_id).all()


def test_ids_that_are_published() -> None:
    assert len(CLIP) == 49_408
    assert CLIP.encode(["a photo of a cat"])[0, :8].tolist() == [
        49406, 320, 1125, 539, 320, 2368, 49407, 49407,
    ]  # fmt: skip
    assert Tokenizer(clip_vocabulary("!")).encode([""])[0, :4].tolist() == [49406, 49407, 0, 0]


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus(pair, name: str) -> None:
    for text in CORPUS[name]:
        require_same(pair, text)
    require_same(pair, " ".join(CORPUS[name]))


def test_ten_thousand_words(pair) -> None:
    ours, theirs = pair
    longer = Tokenizer(replace(ours.vocabulary, max_length=30_000))
    require_same((longer, theirs), " ".join(WORDS[i * i % len(WORDS)] for i in range(10_000)))


@settings(max_examples=500)
@given(text=TEXTS)
@example(text="é" * 500)
def test_any_text(pair, text: str) -> None:
    require_same(pair, text)


@settings(max_examples=50)
@given(text=TEXTS)
def test_a_long_text_is_cut_where_theirs_is(pair, text: str) -> None:
    _, theirs = pair
    found = CLIP.encode([text * 9])[0].tolist()
    expected = theirs(text * 9, truncation=True, max_length=77).input_ids
    assert found[: len(expected)] == expected
