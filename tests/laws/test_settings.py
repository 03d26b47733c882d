"""Settings: what is written is what is read, and every mistake is one line that helps."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from calotype.errors import UserError
from calotype.settings import (
    IDENTITY,
    NAMED_BY_TAG,
    Settings,
    explain,
    identity,
    override,
    read_settings,
    validated,
)


@dataclasses.dataclass(frozen=True)
class Network:
    """A network.

    channels: of each level, from the
        finest on.
    act: the activation.
    """

    channels: tuple[int, ...] = (32, 64)
    act: Literal["silu", "gelu"] = "silu"


class Optimizer(Settings):
    rate: float = Field(1e-4, gt=0, allow_inf_nan=False, description="step size")
    betas: tuple[float, float] = Field((0.9, 0.99), description="decay of the moments")


class Autoencoder(Settings):
    kind: Literal["autoencoder"] = "autoencoder"
    network: Network = Network()


class Diffusion(Settings):
    kind: Literal["diffusion"] = "diffusion"
    dropout: float = Field(0.1, ge=0, le=1, description="share left out")


class Run(Settings):
    task: Annotated[Autoencoder | Diffusion, Field(discriminator="kind")]
    out: Path = Field(description="where to")
    steps: int = Field(10, ge=1, description="how long")
    name: str = Field("", description="any text")
    quick: bool = Field(False, description="whether to hurry")
    optimizer: Optimizer = Optimizer()  # type: ignore[call-arg]
    second: Optimizer | None = None


GOOD = """out = "run"
task.kind = "autoencoder"
"""


def read(tmp_path: Path, text: str, *overrides: str) -> Run:
    path = tmp_path / "run.toml"
    path.write_text(text)
    return read_settings(Run, path, overrides)


@given(
    steps=st.integers(1, 10**9),
    rate=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    quick=st.booleans(),
    name=st.text(st.characters(exclude_categories=["Cs"])),
    channels=st.lists(st.integers(-(2**53), 2**53)),
)
def test_an_override_sets_exactly_its_key(steps, rate, quick, name, channels):
    """Each value, written as TOML, arrives unchanged, and its neighbours keep theirs."""
    data = {"task": {"kind": "autoencoder"}, "out": "run"}
    written = {
        "steps": steps,
        "optimizer.rate": rate,
        "quick": quick,
        "name": name,
        "task.network.channels": channels,
    }
    for key, value in written.items():
        # JSON is TOML here, but for the one control character that TOML wants escaped.
        text = json.dumps(value, ensure_ascii=False).replace(chr(127), "\\u007f")
        override(data, f"{key}={text}")
    run = validated(Run, data)
    assert (run.steps, run.quick, run.name) == (steps, quick, name)
    assert run.optimizer == Optimizer(rate=rate)
    assert run.task == Autoencoder(network=Network(channels=tuple(channels)))


def test_text_needs_no_quotes(tmp_path):
    assert read(tmp_path, GOOD, "name=first run, blue").name == "first run, blue"
    assert read(tmp_path, GOOD, "out=a/b").out == Path("a/b")
    assert read(tmp_path, GOOD, "name=1\nsteps = 3").steps == 10, "one override sets one key"


MISTAKES = {
    "unknown key, near": (
        "optimizer.raet=1",
        'unknown key "optimizer.raet"; did you mean "optimizer.rate"?',
    ),
    "unknown key of another table": (
        "rate=1",
        'unknown key "rate"; did you mean "optimizer.rate"?',
    ),
    "unknown key of a dataclass": (
        "task.network.chanels=[1]",
        'unknown key "task.network.chanels"; did you mean "task.network.channels"?',
    ),
    "unknown key of an optional table": (
        "second.batas=[1, 1]",
        'unknown key "second.batas"; did you mean "second.betas"?',
    ),
    "key of the other alternative": (
        "task.dropout=0.5",
        'unknown key "task.dropout"; it goes with task.kind = "diffusion"',
    ),
    "below the range": ("steps=0", "steps = 0: must be an integer of 1 or more"),
    "not a number": ("optimizer.rate=nan", "optimizer.rate = nan: must be a finite number above 0"),
    "text for a number": ('steps="7"', 'steps = "7": must be an integer of 1 or more'),
    "a fraction for an integer": ("steps=2.0", "steps = 2.0: must be an integer of 1 or more"),
    "number for a truth": ("quick=1", "quick = 1: must be true or false"),
    "misspelt choice": (
        "task.network.act=gelo",
        'task.network.act = "gelo": must be "silu" or "gelu"; did you mean "gelu"?',
    ),
    "misspelt alternative": (
        "task.kind=difusion",
        'task.kind = "difusion": must be "autoencoder" or "diffusion"; did you mean "diffusion"?',
    ),
    "inside a list": (
        "task.network.channels=[1, 'a']",
        'task.network.channels.1 = "a": must be an integer',
    ),
    "a value for a table": ("optimizer=3", "optimizer = 3: must be a table"),
    "too few": ("optimizer.betas=[0.5]", "optimizer.betas.1 is missing: it must be a number"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line(tmp_path, case):
    text, message = MISTAKES[case]
    with pytest.raises(UserError) as error:
        read(tmp_path, GOOD, text)
    assert str(error.value) == f"{tmp_path / 'run.toml'}: {message}"


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="out is missing: it must be a path"):
        read(tmp_path, 'task.kind = "diffusion"')
    with pytest.raises(UserError, match=r'task\.kind is missing: it must be "autoencoder" or'):
        read(tmp_path, 'out = "run"\n[task]')


@pytest.mark.parametrize("text", ["steps", "steps=", "=3", "a..b=1", "out.x=1"])
def test_an_override_that_sets_nothing_is_named(tmp_path, text):
    with pytest.raises(UserError, match="override") as error:
        read(tmp_path, GOOD, text)
    assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_files(tmp_path):
    with pytest.raises(UserError, match=r"run\.toml: line 2, column 9: "):
        read(tmp_path, 'out = "run"\nsteps = \n')
    with pytest.raises(UserError, match=r"none\.toml: cannot be read: No such file"):
        read_settings(Run, tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        read_settings(Run, tmp_path / "binary.toml")


def test_explain_lists_every_key():
    keys = {(key.name, key.when): key for key in explain(Run)}
    assert {name for name, _ in keys} == {
        "task.kind",
        "task.network.channels",
        "task.network.act",
        "task.dropout",
        "out",
        "steps",
        "name",
        "quick",
        "optimizer.rate",
        "optimizer.betas",
        "second.rate",
        "second.betas",
    }
    channels = keys["task.network.channels", 'task.kind = "autoencoder"']
    assert (channels.allowed, channels.default) == ("a list, each an integer", "[32, 64]")
    assert channels.meaning == "of each level, from the finest on."
    assert keys["out", ""].default == "required"
    assert keys["optimizer.rate", ""].allowed == "a finite number above 0"


class Words(Settings):
    kind: Literal["words"] = "words"
    size: Annotated[int, IDENTITY] = Field(3, ge=1, description="how many")


class Forms(Settings):
    kind: Literal["forms"] = "forms"
    size: Annotated[int, IDENTITY] = Field(3, ge=1, description="how many")
    sharp: bool = Field(True, description="edges")


class Recipe(Settings):
    """A union whose tables stand beside the key that names one, and one whose table has the tag."""

    task: Annotated[Words | Forms, Field(discriminator="kind"), NAMED_BY_TAG] = Field(
        description="what is done"
    )
    data: Annotated[Words | Forms, Field(discriminator="kind")] = Words()
    seed: Annotated[int, IDENTITY] = Field(0, description="of all draws")


def test_a_key_that_all_alternatives_share_is_listed_once():
    keys = {(key.name, key.when): key for key in explain(Recipe)}
    assert list(keys) == [
        ("task", ""),
        ("words.size", 'task = "words"'),
        ("forms.size", 'task = "forms"'),
        ("forms.sharp", 'task = "forms"'),
        ("data.kind", ""),
        ("data.size", ""),
        ("data.sharp", 'data.kind = "forms"'),
        ("seed", ""),
    ]
    task, kind = keys["task", ""], keys["data.kind", ""]
    assert (task.allowed, task.default) == ('"words" or "forms"', "required")
    assert (kind.allowed, kind.default) == ('"words" or "forms"', '"words"')


BY_TAG = {
    '{"task": {"kind": "forms", "size": 0}}': "forms.size = 0: must be an integer of 1 or more",
    '{"task": {"kind": "words", "sharp": true}}': 'unknown key "words.sharp"; did you mean "forms',
    '{"task": {"kind": "wards"}}': 'task = "wards": must be "words" or "forms"; did you mean "wo',
    '{"task": 3}': 'task = 3: must be "words" or "forms"',
    '{"data": {}}': 'task is missing: it must be "words" or "forms"',
    '{"task": {"kind": "words"}, "form": {}}': 'unknown key "form"; did you mean "forms"?',
}


@pytest.mark.parametrize("text", BY_TAG)
def test_a_mistake_in_a_table_that_its_tag_names(text):
    with pytest.raises(UserError) as error:
        validated(Recipe, json.loads(text))
    assert str(error.value).startswith(BY_TAG[text])


def test_identity_is_what_is_marked():
    recipe = Recipe(task=Forms(size=4), data=Words(size=5), seed=7)
    assert identity(recipe) == {"task": "forms", "forms.size": 4, "data.size": 5, "seed": 7}
    other = Recipe(task=Forms(size=4, sharp=False), data=Words(size=5), seed=7)
    assert identity(other) == identity(recipe)
