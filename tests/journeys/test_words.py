"""The prompt grammar, with a tiny model: each of its forms changes the picture."""

from pathlib import Path

import numpy as np
import pytest

import calotype
from calotype.cli.app import main
from calotype.errors import UserError
from calotype.model import LatentDiffusion


@pytest.fixture(scope="module")
def model(tiny: Path) -> LatentDiffusion:
    return calotype.load(tiny)


def made(model, prompt: str, negative: str = "", steps: int = 4, **fields) -> np.ndarray:
    sampling = calotype.Sampling(steps=steps, seed=3, sampler="euler")
    request = calotype.Request(prompt=prompt, negative_prompt=negative, sampling=sampling, **fields)
    (picture,) = calotype.run(model, request)
    return np.asarray(picture.image, dtype=float)


SAME = {
    "(a red cube:1)": "a red cube",
    "[wood:a red cube:0]": "a red cube",
    "[a red cube:wood:4]": "a red cube",
    "a red [cube]": "a red (cube:0.9090909090909091)",
    "((red)) cube": "(red:1.2100000000000002) cube",
    "a red cube AND wood:0": "a red cube",
}


@pytest.mark.parametrize("prompt", SAME)
def test_two_ways_to_say_the_same(model, prompt: str) -> None:
    # A part of weight 0 is a row more in each product, which may round the others otherwise.
    assert np.abs(made(model, prompt) - made(model, SAME[prompt])).max() <= 1


OTHER = ("(red:1.5) cube", "red [cube:wood:2]", "[red|wood] cube", "red BREAK cube", "red AND cube")


@pytest.mark.parametrize("prompt", OTHER)
def test_the_grammar_reaches_the_picture(model, prompt: str) -> None:
    plain = made(model, "red cube")
    assert not np.array_equal(made(model, prompt), plain)
    assert not np.array_equal(made(model, "red cube", negative=prompt), plain)


def test_signs_are_words_where_they_are_to_be(model) -> None:
    literal = made(model, "(red:1.5) cube", weighting="none")
    assert not np.array_equal(literal, made(model, "(red:1.5) cube"))
    assert np.array_equal(literal, made(model, "\\(red:1.5\\) cube"))


def test_programs_weigh_differently(model) -> None:
    a1111, comfy = (
        made(model, "(red:1.5) cube", weighting=weighting) for weighting in ("a1111", "comfy")
    )
    assert not np.array_equal(a1111, comfy)


def test_prompts_of_different_lengths_and_parts_side_by_side(model) -> None:
    prompts = ("red cube", "a red cube " * 30, "red AND cube:0.5", "[red|wood]")
    sampling = calotype.Sampling(steps=2)
    together = calotype.run(model, calotype.Request(prompt=prompts, sampling=sampling))
    for index, prompt in enumerate(prompts):
        alone = calotype.Request(
            prompt=prompt, sampling=sampling.model_copy(update={"seed": index})
        )
        (picture,) = calotype.run(model, alone)
        a, b = (np.asarray(each.image, dtype=float) for each in (picture, together[index]))
        assert np.abs(a - b).max() <= 1, prompt


def test_clip_skip(model) -> None:
    layers = len(model.text.encoder.text_model.encoder.layers)
    assert not np.array_equal(made(model, "red", clip_skip=2), made(model, "red"))
    with pytest.raises(UserError, match=f"the text encoder has {layers} layers"):
        made(model, "red", clip_skip=layers + 1)


def test_tokens_shows_what_a_prompt_becomes(tiny: Path, capsys) -> None:
    assert main(["tokens", "a (red:1.3) [cube|wood] AND wood:0.5", "--model", str(tiny)]) == 0
    output = capsys.readouterr().out
    assert "part 1 of 2, weight 1" in output
    assert "part 2 of 2, weight 0.5" in output
    assert "*1.3" in output
    assert "steps 2, 4, 6" in output
    assert main(["tokens", "a red " * 60, "--model", str(tiny)]) == 0
    assert "chunk 2 of" in capsys.readouterr().out
    assert main(["tokens", "a", "--weighting", "loud"]) == 2
    assert main(["tokens", "a", "--steps", "0"]) == 2
