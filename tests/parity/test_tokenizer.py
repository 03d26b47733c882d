"""Our tokenizer against transformers' CLIPTokenizer: the same ids for any text, both ways."""

import json
import random
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from calotype.conditioning import Tokenizer
from calotype.errors import UserError

CAPTIONS = [
    "a small red cube to the left of a large metal sphere on a wooden floor",
    "two cones, one blue and one green; it's evening",
    "The sphere's shadow falls on 3 tiles!",
    "café façade in 日本, ¾ of a naïve Ω",
]
TOKENIZER = Tokenizer.train(CAPTIONS, vocab_size=640, model_max_length=24)

TEXTS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [
                *CAPTIONS,
                "<|endoftext|>",
                "<|STARTOFTEXT|>",
                "  \t\n ",
                "!",
                "!!",
                "I'LL",
                "'s",
                "12½",
                "</w>",
                "👩‍🚀🟥",
                "日本語",
                "e\u0301",
                "\x00\x07\u200b\ufeff",
                "İSTANBUL ẞ",
                "\u0085\u2028\u3000",
            ]
        ),
    ),
    max_size=6,
).map("".join)


def their_ids(tokenizer: transformers.CLIPTokenizer, text: str) -> list[int]:
    length = tokenizer.model_max_length
    return tokenizer(text, padding="max_length", truncation=True, max_length=length).input_ids


def write(folder: Path, config: dict, special: dict | None = None) -> Path:
    """A folder as published ones are: our small vocabulary, but settings as they write them."""
    TOKENIZER.save(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if special is not None:
        (folder / "special_tokens_map.json").write_text(json.dumps(special))
    return folder


def token(content: str, normalized: bool, **more: object) -> dict:
    switches = {"lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False}
    return {"content": content, **switches, **more}


PLAIN = {"model_max_length": 24, "tokenizer_class": "CLIPTokenizer"}
TYPED = {"__type": "AddedToken"}
SD1 = {
    **PLAIN,
    "add_prefix_space": False,
    "bos_token": token("<|startoftext|>", True, **TYPED),
    "do_lower_case": True,
    "eos_token": token("<|endoftext|>", True, **TYPED),
    "errors": "replace",
    "name_or_path": "openai/clip-vit-large-patch14",
    "pad_token": "<|endoftext|>",
    "special_tokens_map_file": "./special_tokens_map.json",
    "unk_token": token("<|endoftext|>", True, **TYPED),
}
SD1_MAP = {
    "bos_token": token("<|startoftext|>", True),
    "eos_token": token("<|endoftext|>", True),
    "pad_token": "<|endoftext|>",
    "unk_token": token("<|endoftext|>", True),
}
DECODER = {
    str(TOKENIZER.bos_id): token("<|startoftext|>", True, special=True),
    str(TOKENIZER.eos_id): token("<|endoftext|>", False, special=True),
    "0": token("!", False, special=True),
}
NAMES = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "!"}
FOLDERS = {
    "bare": (PLAIN, None),
    "SD 1": (SD1, SD1_MAP),
    "SD 2": (SD1, {**SD1_MAP, "pad_token": "!"}),
    "transformers 4": ({**PLAIN, **NAMES, "added_tokens_decoder": DECODER}, None),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Ours, published ones, and each of them after transformers has opened and saved it."""
    made = {name: write(tmp_path_factory.mktemp("t"), *files) for name, files in FOLDERS.items()}
    made["ours"] = tmp_path_factory.mktemp("t")
    TOKENIZER.save(made["ours"])
    for name in list(made):
        again = tmp_path_factory.mktemp("t")
        transformers.CLIPTokenizer.from_pretrained(made[name]).save_pretrained(again)
        made[f"{name}, saved again"] = again
    return made


@pytest.fixture(scope="module")
def pairs(
    folders: dict[str, Path],
) -> dict[str, tuple[Tokenizer, transformers.CLIPTokenizer]]:
    return {
        name: (Tokenizer.from_folder(f), transformers.CLIPTokenizer.from_pretrained(f))
        for name, f in folders.items()
    }


@given(TEXTS)
def test_the_same_ids(
    pairs: dict[str, tuple[Tokenizer, transformers.CLIPTokenizer]], text: str
) -> None:
    for name, (ours, theirs) in pairs.items():
        assert ours.encode([text])[0].tolist() == their_ids(theirs, text), name


def test_what_the_folders_say(
    pairs: dict[str, tuple[Tokenizer, transformers.CLIPTokenizer]],
) -> None:
    for name, (ours, theirs) in pairs.items():
        assert len(ours) == len(theirs), name
        assert ours.max_length == theirs.model_max_length, name
        ids = (ours.bos_id, ours.eos_id, ours.pad_id)
        assert ids == (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id), name
    assert pairs["SD 1"][0].pad_id == TOKENIZER.eos_id
    assert pairs["SD 2"][0].pad_id == 0


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_every_text_fills_its_row(texts: list[str]) -> None:
    ids = TOKENIZER.encode(texts)
    assert ids.shape == (len(texts), 24)
    assert ids.dtype == torch.int64
    assert (ids[:, 0] == TOKENIZER.bos_id).all()
    assert (ids[:, -1] == TOKENIZER.eos_id).all(), "the end of text is kept, and pads"
    for text, row in zip(texts, ids, strict=True):
        assert torch.equal(TOKENIZER.encode([text])[0], row), "alone or in a batch"


def test_saved_and_opened_it_is_the_same(folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        first = Tokenizer.from_folder(folder)
        again = folder / "again"
        first.save(again)
        assert Tokenizer.from_folder(again).vocabulary.to_files() == first.vocabulary.to_files()
        assert first.encode(CAPTIONS).equal(Tokenizer.from_folder(again).encode(CAPTIONS)), name


def test_training_has_one_result() -> None:
    """The library's own trainer numbers tokens differently from call to call."""
    captions = [c.lower() for c in CAPTIONS] * 2
    first = Tokenizer.train(captions, 600, 24).vocabulary
    for seed in range(5):
        random.Random(seed).shuffle(captions)
        again = Tokenizer.train(captions, 600, 24).vocabulary
        assert (again.ids, again.merges) == (first.ids, first.merges)
    assert max(first.ids.values()) == 599
    assert list(first.ids)[:2] == ["!", '"'], "CLIP's order of bytes"


def test_with_room_every_word_is_one_token() -> None:
    tokenizer = Tokenizer.train(CAPTIONS[:1], 10_000, 24)
    assert len(tokenizer) < 700, "merging ends where nothing is left to merge"
    words = CAPTIONS[0].split()
    ids = tokenizer.encode(CAPTIONS[:1])[0].tolist()
    assert ids.index(tokenizer.eos_id) == len(words) + 1
    assert tokenizer.encode(["RED  cube"])[0, 1:3].tolist() == [ids[3], ids[4]]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a small red cube", ()),
        ("A Small, RED cube!!", ()),
        ("a zebra on the Moon, a zebra", ("zebra", "moon")),
        ("re cub", ("re", "cub")),  # pieces of known words are words of their own
        ("3 cubes and 4 cones", ("cubes", "4")),
        ("", ()),
    ],
)
def test_words_never_seen(prompt: str, words: tuple[str, ...]) -> None:
    assert TOKENIZER.unknown_words(prompt) == words


def test_words_never_seen_survive_the_files(folders: dict[str, Path]) -> None:
    assert Tokenizer.from_folder(folders["ours"]).unknown_words("red zebra") == ("zebra",)
    assert Tokenizer.from_folder(folders["SD 1"]).unknown_words("red zebra") == (), (
        "CLIP knows more"
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("tokenizer_config.json", None, ["no tokenizer_config.json"]),
        ("vocab.json", None, ["no vocab.json"]),
        ("merges.txt", None, ["no merges.txt"]),
        ("vocab.json", "{", ["vocab.json is not JSON"]),
        ("vocab.json", "[]", ["vocab.json: expected a JSON object, found list"]),
        ("vocab.json", '{"a": 1}', ["not in vocabulary"]),
        ("vocab.json", '{"a": "b"}', ['token "a": its id is', "not a whole number"]),
        ("tokenizer.json", '{"model": {"type": "Unigram"}}', ["tokenizer.json", "byte-pair"]),
        ("merges.txt", "a b c\n", ['"a b c"', "two tokens"]),
        ("merges.txt", "q qq\n", ['merge "q qq"', "not in vocabulary"]),
        ("tokenizer_config.json", "{}", ["model_max_length = None"]),
        ("tokenizer_config.json", '{"model_max_length": 1e30}', ["model_max_length"]),
        ("tokenizer_config.json", {"padding_side": "left"}, ['padding_side = "left"']),
        (
            "tokenizer_config.json",
            {"eos_token": token("<|endoftext|>", False, lstrip=True)},
            ['token "<|endoftext|>": lstrip is not supported'],
        ),
        ("tokenizer_config.json", {"mask_token": "<m>"}, ["mask_token"]),
        ("tokenizer_config.json", {"eos_token": "<end>"}, ['eos_token "<end>"']),
        ("tokenizer_config.json", {"additional_special_tokens": ["<cat>"]}, ["<cat>"]),
        ("added_tokens.json", {"<cat>": 700}, ['added token "<cat>" is not supported']),
    ],
)
def test_bad_folders(name: str, text: str | dict | None, words: list[str], tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path)
    if isinstance(text, dict):
        text = json.dumps({**(PLAIN if name == "tokenizer_config.json" else {}), **text})
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        Tokenizer.from_folder(tmp_path)
    message = str(caught.value)
    assert all(word in message for word in [str(tmp_path), *words]), message
    assert "\n" not in message


def test_too_small_a_vocabulary() -> None:
    with pytest.raises(UserError, match="vocab_size = 513: must be at least 514"):
        Tokenizer.train(CAPTIONS, 513, 24)
