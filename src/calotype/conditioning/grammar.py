"""The grammar of prompts that AUTOMATIC1111's web UI made common: text -> parts, weights, steps.

    (x)  (x:1.3)  [x]   weight times 1.1, times 1.3, divided by 1.1; a backslash escapes a bracket
    [a:b:0.5]           a for half of the steps, then b; [b:7] after seven steps, [a::7] for seven
    [a|b]               a and b in alternating steps
    a BREAK b           b begins a new chunk
    a AND b:0.7         two prompts composed, each with its weight

Whatever is not grammar is plain text. The only error is a prompt of too many parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from calotype.errors import UserError

ROUND, SQUARE = 1.1, 1 / 1.1
DIGITS = r"(?:\d+(?:\.\d*)?|\.\d+)"
WEIGHT = re.compile(rf":\s*([+-]?{DIGITS})\s*$")
NUMBER = re.compile(rf"\s*({DIGITS})\s*")
BREAK = re.compile(r"\bBREAK\b")
AND = re.compile(r"\bAND\b")
SIGNS = re.compile(rf"\\[()\[\]\\]|\\|\(|\[|:\s*[+-]?{DIGITS}\s*\)|\)|\]|[^\\()\[\]:]+|:")
MAX_SUBPROMPTS = 16  # parts that AND joins
MAX_WEIGHT = 100.0  # weights are clamped to this
MAX_DEPTH = 20  # of nested brackets; deeper ones are plain text


@dataclass(frozen=True)
class Piece:
    """A text with one weight; ``text`` None is a BREAK."""

    text: str | None
    weight: float = 1.0


def split_subprompts(prompt: str) -> list[tuple[str, float]]:
    """The texts that AND joins, with their weights; at least one."""
    found = []
    for part in AND.split(prompt):
        weight = WEIGHT.search(part)
        found.append((part[: weight.start()], _clamp_weight(weight[1])) if weight else (part, 1.0))
    if len(found) > MAX_SUBPROMPTS:
        raise UserError(f"a prompt of {len(found)} parts: AND joins at most {MAX_SUBPROMPTS}")
    return found


def resolve_schedule(text: str, step: int, steps: int) -> str:
    """The text that ``[a:b:when]`` and ``[a|b]`` leave at a step, counted from 0.

    when: a number of steps, or, with a decimal point, a share of them: ``a`` holds for so many.
    """
    return _resolve(text, step, steps, MAX_DEPTH) if "[" in text else text


def parse_weights(text: str) -> list[Piece]:
    """The pieces of a text with their weights, neighbours of equal weight merged; at least one."""
    pieces: list[tuple[str | None, float]] = []
    opened: dict[str, list[int]] = {
        "(": [],
        "[": [],
    }  # by bracket: the index of the piece after each one that is still open

    def louder(start: int, by: float) -> None:
        pieces[start:] = [(words, _clamp_weight(weight * by)) for words, weight in pieces[start:]]

    for sign in SIGNS.findall(text):
        if sign.startswith("\\"):
            pieces.append((sign[1:], 1.0))
        elif sign in opened:
            opened[sign].append(len(pieces))
        elif sign == "]" and opened["["]:
            louder(opened["["].pop(), SQUARE)
        elif sign == ")" and opened["("]:
            louder(opened["("].pop(), ROUND)
        elif sign.startswith(":") and sign.endswith(")") and opened["("]:
            louder(opened["("].pop(), _clamp_weight(sign[1:-1]))
        else:
            pieces += _split_at_break(sign)
    for bracket, by in (("(", ROUND), ("[", SQUARE)):
        for start in opened[bracket]:
            louder(start, by)
    return _merge_pieces(pieces)


def _clamp_weight(weight: str | float) -> float:
    return min(max(float(weight), -MAX_WEIGHT), MAX_WEIGHT)


def _split_at_break(text: str) -> Iterator[tuple[str | None, float]]:
    """The texts between BREAKs, and None for each BREAK; blanks around a BREAK are dropped."""
    first, *others = BREAK.split(text)
    yield first.rstrip() if others else first, 1.0
    for number, words in enumerate(others, start=1):
        yield None, 1.0
        yield words.lstrip() if number == len(others) else words.strip(), 1.0


def subprompts_by_step(prompt: str, steps: int, literal: bool) -> list[tuple[float, list[str]]]:
    """The parts of a prompt: each one's weight, and its text at each of ``steps`` steps.

    literal: the prompt has no grammar and is one part.
    """
    if literal:
        return [(1.0, [prompt] * steps)]
    return [
        (weight, [resolve_schedule(text, step, steps) for step in range(steps)])
        for text, weight in split_subprompts(prompt)
    ]


def plain_words(prompt: str, steps: int, literal: bool) -> Iterator[str]:
    """The plain texts of a prompt at any of ``steps`` steps, without the grammar."""
    for _, texts in subprompts_by_step(prompt, steps, literal):
        for text in dict.fromkeys(texts):
            pieces = [Piece(text)] if literal else parse_weights(text)
            yield from (piece.text for piece in pieces if piece.text)


def _merge_pieces(pieces: list[tuple[str | None, float]]) -> list[Piece]:
    found: list[Piece] = []
    for words, weight in pieces:
        before = found[-1] if found else None
        if words is None:
            found.append(Piece(None))
        elif before and before.text is not None and before.weight == weight:
            found[-1] = Piece(before.text + words, weight)
        elif words:
            found.append(Piece(words, weight))
    return found or [Piece("")]


def _resolve(text: str, step: int, steps: int, depth: int) -> str:
    """The text with scheduling brackets resolved; the others are left for ``parse_weights``."""
    found, at, ends = [], 0, _matching_brackets(text) if depth else {}
    while at < len(text):
        if at not in ends:
            width = 2 if text[at] == "\\" else 1
            found.append(text[at : at + width])
            at += width
            continue
        inner = text[at + 1 : ends[at]]
        chosen = _choose(inner, step, steps)
        kept = _resolve(inner if chosen is None else chosen, step, steps, depth - 1)
        found.append(f"[{kept}]" if chosen is None else kept)
        at = ends[at] + 1
    return "".join(found)


def _choose(inner: str, step: int, steps: int) -> str | None:
    """The text of a scheduling bracket at a step; None for a bracket of another kind."""
    parts = _split_top_level(inner, ":")
    when = NUMBER.fullmatch(parts[-1]) if len(parts) in (2, 3) else None
    if when:
        before, after = ("", parts[0]) if len(parts) == 2 else (parts[0], parts[1])
        count = min(float(when[1]) * (steps if "." in when[1] else 1), steps)
        return before if step + 1 <= int(count) else after
    options = _split_top_level(inner, "|")
    return options[step % len(options)] if len(options) > 1 else None


def _matching_brackets(text: str) -> dict[int, int]:
    """The index of each closing square bracket, by that of its opening one."""
    found: dict[int, int] = {}
    opened: list[int] = []
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "[":
            opened.append(at)
        elif text[at] == "]" and opened:
            found[opened.pop()] = at
        at += 1
    return found


def _split_top_level(text: str, mark: str) -> list[str]:
    """Split a text at the marks outside of brackets that are not escaped."""
    found, depth, at, begin = [], 0, 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] in "([":
            depth += 1
        elif text[at] in ")]":
            depth = max(0, depth - 1)
        elif text[at] == mark and not depth:
            found.append(text[begin:at])
            begin = at + 1
        at += 1
    return [*found, text[begin:]]
