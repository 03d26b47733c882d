"""Laws of the prompt grammar: no text is an error, what isn't grammar is words."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calotype.conditioning.grammar import (
    MAX_SUBPROMPTS,
    MAX_WEIGHT,
    parse_weights,
    plain_words,
    resolve_schedule,
    split_subprompts,
    subprompts_by_step,
)

SIGNS = st.sampled_from(
    [*"()[]:|\\,. ", "BREAK", "AND", "(a:1.3)", "[a:b:.5]", "[a|b]", ":0.7", "1"]
)
ANY = st.lists(st.one_of(SIGNS, st.text(max_size=5)), max_size=25).map("".join)
PLAIN = st.text(
    st.characters(exclude_characters="()[]:|\\", exclude_categories=["Cs"]), max_size=30
)
NO_BREAK = PLAIN.filter(lambda text: "BREAK" not in text and "AND" not in text)


@settings(max_examples=1000)
@given(ANY, st.integers(1, 50), st.data())
@example("[" * 5000 + "a" + "]" * 4999, 3, None)
@example("[a:b:" + "9" * 400 + "]", 3, None)
@example("((a:" + "9" * 400 + "):0)", 3, None)
@example("a:" + "9" * 400, 3, None)
@example("(" * 5000 + "a", 3, None)
@example("[a:" * 1500 + "b" + ":1]" * 1500, 3, None)
def test_no_text_is_an_error(text: str, steps: int, data: st.DataObject | None) -> None:
    text = text.replace("AND", "and", max(0, text.count("AND") - MAX_SUBPROMPTS + 1))
    step = 0 if data is None else data.draw(st.integers(0, steps - 1))
    for part, weight in split_subprompts(text):
        assert math.isfinite(weight)
        for piece in parse_weights(resolve_schedule(part, step, steps)):
            assert abs(piece.weight) <= MAX_WEIGHT
    assert all(isinstance(each, str) for each in plain_words(text[:60], 5, literal=False))


@given(NO_BREAK)
def test_words_without_signs_are_themselves(text: str) -> None:
    assert split_subprompts(text) == [(text, 1.0)]
    assert resolve_schedule(text, 0, 9) == text
    (piece,) = parse_weights(text)
    assert (piece.text, piece.weight) == (text, 1.0)


@given(NO_BREAK.filter(bool))
def test_what_is_escaped_is_words(text: str) -> None:
    for sign in "()[]\\":
        (piece,) = parse_weights(f"\\{sign}{text}\\{sign}")
        assert piece.text == f"{sign}{text}{sign}"
        assert piece.weight == 1


@given(NO_BREAK.filter(bool), st.integers(0, 6), st.integers(0, 6), st.floats(0.01, 9))
def test_brackets_multiply(text: str, rounds: int, squares: int, weight: float) -> None:
    written = f"{weight:.4f}"
    for opening, closing in (("(" * rounds + "[" * squares, "]" * squares + ")" * rounds),):
        (piece,) = parse_weights(f"{opening}{text}{closing}")
        assert piece.weight == pytest.approx(1.1 ** (rounds - squares))
        (piece,) = parse_weights(f"{opening}({text}:{written}){closing}")
        assert piece.weight == pytest.approx(float(written) * 1.1 ** (rounds - squares))
        assert piece.text == text


@given(NO_BREAK, NO_BREAK, st.integers(1, 40), st.data())
def test_editing_changes_when_it_says(a: str, b: str, steps: int, data: st.DataObject) -> None:
    when = data.draw(st.integers(0, steps))
    for step in range(steps):
        expected = a if step < when else b
        assert resolve_schedule(f"x[{a}:{b}:{when}]y", step, steps) == f"x{expected}y"
        assert resolve_schedule(f"[{b}:{when}]", step, steps) == ("" if step < when else b)
        assert resolve_schedule(f"[{a}::{when}]", step, steps) == (a if step < when else "")


@given(st.lists(NO_BREAK, min_size=2, max_size=5), st.integers(0, 40))
def test_alternatives_take_turns(options: list[str], step: int) -> None:
    assert resolve_schedule(f"[{'|'.join(options)}]", step, 50) == options[step % len(options)]


def schedule_of(text: str, steps: int = 10) -> list[tuple[int, str]]:
    """The texts with the step, counted from 1, after which each ends."""
    found: list[tuple[int, str]] = []
    for step in range(steps):
        now = resolve_schedule(text, step, steps)
        if found and found[-1][1] == now:
            found.pop()
        found.append((step + 1, now))
    return found


# What AUTOMATIC1111's web UI makes of these, as its documentation says; ten steps.
PUBLISHED = {
    "test": [(10, "test")],
    "a [b:3]": [(3, "a "), (10, "a b")],
    "a [b: 3]": [(3, "a "), (10, "a b")],
    "a [[[b]]:2]": [(2, "a "), (10, "a [[b]]")],
    "[(a:2):3]": [(3, ""), (10, "(a:2)")],
    "a [b : c : 1] d": [(1, "a b  d"), (10, "a  c  d")],
    "a[b:[c:d:2]:1]e": [(1, "abe"), (2, "ace"), (10, "ade")],
    "a [unbalanced": [(10, "a [unbalanced")],
    "a [b:.5] c": [(5, "a  c"), (10, "a b c")],
    "a [{b|d{:.5] c": [(5, "a  c"), (10, "a {b|d{ c")],
    "((a][:b:c [d:3]": [(3, "((a][:b:c "), (10, "((a][:b:c d")],
    "[fe|]male": [(k, "female" if k % 2 else "male") for k in range(1, 11)],
    "[a|(b:1.1)]": [(k, "a" if k % 2 else "(b:1.1)") for k in range(1, 11)],
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_examples_of_editing(text: str) -> None:
    assert schedule_of(text) == PUBLISHED[text]


WEIGHED = {
    "normal text": [("normal text", 1.0)],
    "an (important) word": [("an ", 1.0), ("important", 1.1), (" word", 1.0)],
    "(unbalanced": [("unbalanced", 1.1)],
    "\\(literal\\]": [("(literal]", 1.0)],
    "(unnecessary)(parens)": [("unnecessaryparens", 1.1)],
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).": [
        ("a ", 1.0),
        ("house", 1.573),
        (" ", 1.1),
        ("on", 1.0),
        (" a ", 1.1),
        ("hill", 0.55),
        (", sun, ", 1.1),
        ("sky", 1.4641),
        (".", 1.1),
    ],
    "a BREAK b": [("a", 1.0), (None, 1.0), ("b", 1.0)],
}


@pytest.mark.parametrize("text", WEIGHED)
def test_published_examples_of_weights(text: str) -> None:
    found = parse_weights(text)
    assert [piece.text for piece in found] == [text for text, _ in WEIGHED[text]]
    assert [piece.weight for piece in found] == pytest.approx([w for _, w in WEIGHED[text]])


def test_and_joins_with_weights() -> None:
    assert split_subprompts("a cat AND a dog :0.5 AND\nred:1.2") == [
        ("a cat ", 1.0),
        (" a dog ", 0.5),
        ("\nred", 1.2),
    ]
    assert split_subprompts("A LAND and sand") == [("A LAND and sand", 1.0)]


@given(ANY, st.integers(1, 9))
def test_without_grammar_every_sign_is_a_word(text: str, steps: int) -> None:
    assert subprompts_by_step(text, steps, literal=True) == [(1.0, [text] * steps)]
    assert "".join(plain_words(text, steps, literal=True)) == text


def test_parts_with_their_turns() -> None:
    assert subprompts_by_step("a [b|c] AND d:0.5", 3, literal=False) == [
        (1.0, ["a b ", "a c ", "a b "]),
        (0.5, [" d", " d", " d"]),
    ]
