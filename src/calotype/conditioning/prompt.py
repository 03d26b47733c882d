"""Prompts of any length -> context: cut into chunks, each encoded alone, then weighted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from calotype.condition import repeat_to_common_length
from calotype.conditioning.clip import CLIPTextEncoder
from calotype.conditioning.grammar import Piece, parse_weights
from calotype.conditioning.tokenizer import Tokenizer
from calotype.errors import UserError
from calotype.names import PromptWeighting

SMALL_MEAN = 0.02  # in standard deviations: a smaller mean is not restored
MAX_CHUNKS = 64  # chunks of a prompt
COMMA_BACKTRACK = (
    20  # tokens between a comma and the end of a chunk, at most, for a cut after the comma
)


@dataclass(frozen=True)
class Chunk:
    """Tokens that are encoded together, without start and end, and the weight of each."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def chunks(tokenizer: Tokenizer, text: str, weighting: PromptWeighting) -> list[Chunk]:
    """The chunks of a text; at least one, which may be empty.

    Cut as AUTOMATIC1111's web UI does: after the last comma if that is near the end of a chunk,
    else where the encoder's length ends, and at every BREAK. Weighting "none" knows no grammar.
    Raises UserError for more than ``MAX_CHUNKS`` chunks.
    """
    room = tokenizer.max_length - 2
    comma = tokenizer.tokens(",")[-1:]
    done: list[list[tuple[int, float]]] = []
    now: list[tuple[int, float]] = []
    after_comma = 0  # index after the last comma of the chunk; 0: none
    for piece in [Piece(text)] if weighting == "none" else parse_weights(text):
        if piece.text is None:
            done.append(now)
            now, after_comma = [], 0
            continue
        for token in tokenizer.tokens(piece.text):
            if len(now) == room:
                near = [token] != comma and after_comma and room - after_comma < COMMA_BACKTRACK
                place = after_comma if near else room
                done.append(now[:place])
                now, after_comma = now[place:], 0
            now.append((token, piece.weight))
            if [token] == comma:
                after_comma = len(now)
    if now or not done:
        done.append(now)
    if len(done) > MAX_CHUNKS:
        raise UserError(
            f"a prompt of {len(done)} chunks: at most {MAX_CHUNKS} are read; shorten it"
        )
    return [Chunk(*map(tuple, zip(*each, strict=True))) if each else Chunk((), ()) for each in done]


@dataclass(frozen=True)
class Prompts:
    """Texts, one for each picture, and how they are encoded.

    weighting: how weights change the encoder's output. "a1111" multiplies it and restores its mean;
        "comfy" moves it away from that of an empty text; "none" ignores the grammar.
    clip_skip: the layer whose output is used, 1 for the last, as the web UIs count.
    """

    texts: tuple[str, ...]
    weighting: PromptWeighting = "a1111"
    clip_skip: int = 1


def encode_prompts(tokenizer: Tokenizer, encoder: CLIPTextEncoder, prompts: Prompts) -> Tensor:
    """The context (B, N, D) of prompts; shorter ones are repeated to the common length N."""
    cut = [chunks(tokenizer, text, prompts.weighting) for text in prompts.texts]
    device = encoder.text_model.final_layer_norm.weight.device
    rows = [tokenizer.row(chunk.ids) for text in cut for chunk in text]
    if prompts.weighting == "comfy":
        rows.append(tokenizer.row(()))
    encoded = encoder(torch.tensor(rows, device=device), prompts.clip_skip)
    empty = encoded[-1] if prompts.weighting == "comfy" else None
    outputs = iter(encoded)
    contexts = [
        torch.cat([_apply_weights(next(outputs), chunk, empty) for chunk in text])[None]
        for text in cut
    ]
    return repeat_to_common_length(contexts)


def _apply_weights(z: Tensor, chunk: Chunk, empty: Tensor | None) -> Tensor:
    """The output (N, D) of one chunk, weighted; start, end and padding have weight 1."""
    if all(weight == 1 for weight in chunk.weights):
        return z
    weights = torch.ones(len(z), 1, device=z.device)
    weights[1 : 1 + len(chunk.weights), 0] = torch.tensor(chunk.weights)
    wide = z.float()
    if empty is not None:
        return (empty.float() + (wide - empty.float()) * weights).to(z.dtype)
    louder = wide * weights
    mean, moved, least = wide.mean(), louder.mean(), SMALL_MEAN * wide.std()
    # The quotient of means near zero is arbitrary; some encoders have such outputs.
    restored = mean / moved if min(abs(mean), abs(moved)) > least and mean * moved > 0 else 1.0
    return (louder * restored).to(z.dtype)
