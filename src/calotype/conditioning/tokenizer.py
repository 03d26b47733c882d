"""Text -> token ids by CLIP's byte-pair encoding."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import tokenizers
import torch
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from calotype.conditioning.vocabulary import DEFAULTS, FILES, Vocabulary
from calotype.errors import UserError

WORD_END = "</w>"
# Special tokens, English endings, words, single digits, runs of other signs.
PIECES = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


class Tokenizer:
    """Texts to ids (B, max_length): lower case, byte-pair encoded, with start, end and padding.

    The encoding is CLIP's (Radford et al. 2021, section 2.4; byte pairs: Sennrich et al. 2016).
    ``len(tokenizer)`` counts the tokens.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.max_length = vocabulary.max_length
        special = vocabulary.special
        bos, eos, pad = (special[role] for role in ("bos_token", "eos_token", "pad_token"))
        self.bos_id, self.eos_id = vocabulary.ids[bos], vocabulary.ids[eos]
        self.pad_id = vocabulary.ids[pad]
        model = models.BPE(
            dict(vocabulary.ids),
            list(vocabulary.merges),
            unk_token=special["unk_token"],
            continuing_subword_prefix="",
            end_of_word_suffix=WORD_END,
        )
        self._pipeline = _pipeline(model)
        self._pipeline.add_special_tokens(list(special.values()))

    def __len__(self) -> int:
        return self._pipeline.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> Tensor:
        """The ids of each text, (B, max_length) int64; a longer text is cut."""
        room = self.max_length - 2
        return torch.tensor([self.row(self.tokens(text)[:room]) for text in texts])

    def tokens(self, text: str) -> list[int]:
        """The ids of a text of any length, without start, end and padding."""
        # One by one: encode_batch starts threads, and a later fork of the process would warn.
        return self._pipeline.encode(text).ids

    def names(self, ids: Sequence[int]) -> list[str]:
        """The text of each token; incomplete characters are written as in the vocabulary."""
        found = []
        for id in ids:
            token = (self._pipeline.id_to_token(id) or "").removesuffix(WORD_END)
            letters = decoders.ByteLevel().decode([token])
            found.append(token if "\ufffd" in letters else letters)
        return found

    def row(self, ids: Sequence[int]) -> list[int]:
        """Start, ids, end and padding: ``max_length`` ids; there must be room for start and end."""
        row = [self.bos_id, *ids, self.eos_id]
        return row + [self.pad_id] * (self.max_length - len(row))

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """The words of ``text`` that are in no training caption, each once, in lower case.

        Only a vocabulary learned here keeps the words of its captions; for any other (CLIP's, say)
        the result is empty. A word is a run of letters or a single digit.
        """
        known = self.vocabulary.known_words
        if known is None:
            return ()
        return tuple(dict.fromkeys(word for word in _words(text) if word not in known))

    @staticmethod
    def train(captions: Iterable[str], vocab_size: int, model_max_length: int) -> Tokenizer:
        """A tokenizer with merges learned from captions; their order does not matter.

        vocab_size: most tokens. 514 stand before the first merge: each byte inside a word and at
            its end, start and end of text. Merging stops early where every word is one token.
        model_max_length: longest text in tokens, start and end included.
        """
        captions = list(captions)
        if vocab_size < 514:
            raise UserError(f"vocab_size = {vocab_size}: must be at least 514, the bytes alone")
        pipeline = _pipeline(models.BPE())
        pipeline.train_from_iterator(captions, _trainer(vocab_size - 2))
        learned = json.loads(pipeline.to_str())["model"]
        ids = learned["vocab"]
        for token in (DEFAULTS["bos_token"], DEFAULTS["eos_token"]):
            ids[token] = len(ids)
        merges = tuple((left, right) for left, right in learned["merges"])
        known = frozenset(word for caption in captions for word in _words(caption))
        return Tokenizer(Vocabulary(ids, merges, DEFAULTS, model_max_length, known))

    @staticmethod
    def from_folder(folder: Path) -> Tokenizer:
        """The tokenizer in a published folder; UserError for what is missing or unsupported."""
        paths = [folder / name for name in FILES]
        try:
            texts = {p.name: p.read_text(encoding="utf-8") for p in paths if p.is_file()}
            return Tokenizer(Vocabulary.from_files(texts))
        except (UserError, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{folder}: {error}") from None

    def save(self, folder: Path) -> None:
        """Write the files that transformers' CLIPTokenizer and ``from_folder`` read."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.vocabulary.to_files().items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])


def _splitter() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True)


def _pipeline(model: models.Model) -> tokenizers.Tokenizer:
    """CLIP's text clean-up and splitting in front of a byte-pair model."""
    pipeline = tokenizers.Tokenizer(model)
    pipeline.normalizer = _normalizer()
    pipeline.pre_tokenizer = pre_tokenizers.Sequence(
        [_splitter(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return pipeline


def _trainer(vocab_size: int) -> trainers.BpeTrainer:
    """A trainer of merges whose result is the same on every run.

    The library numbers the ends of words in a random order, and goes by these numbers where two
    merges are equally frequent. Named beforehand as special tokens, they have fixed ones.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return trainers.BpeTrainer(
        vocab_size=vocab_size,
        end_of_word_suffix=WORD_END,
        special_tokens=[*letters, *(letter + WORD_END for letter in letters)],
        show_progress=False,
    )


def _words(text: str) -> list[str]:
    """The words and digits of a text as the tokenizer splits it, without other signs."""
    pieces = _splitter().pre_tokenize_str(_normalizer().normalize_str(text))
    return [piece for piece, _ in pieces if piece[0].isalnum()]
