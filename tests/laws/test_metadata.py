"""A picture's file gives back the whole request that makes it, and tells others what they read."""

import io
import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from calotype import Sampling, TextToImage, read_request
from calotype.conditioning.prompt import Weighting as ReadWeighting
from calotype.diffusion.compatible import MODES
from calotype.errors import UserError
from calotype.generate.metadata import parameters, png
from calotype.generate.names import (
    COMFY,
    DIFFUSERS,
    TOLD_SAMPLERS,
    TOLD_SCHEDULES,
    WEB_UI,
    SamplerName,
    ScheduleName,
    named,
)
from calotype.generate.request import LAST_SEED, Weighting
from calotype.sampling import SAMPLERS, SPACINGS

# All that a prompt may hold, with what a format trips over made frequent.
TEXT = st.text(
    st.one_of(st.sampled_from(',:"\\\n\r\0 é½世🖌'), st.characters(exclude_categories=["Cs"]))
)


@st.composite
def requests(draw: st.DrawFn) -> TextToImage:
    sampling = Sampling(
        sampler=draw(st.sampled_from(get_args(SamplerName))),
        schedule=draw(st.none() | st.sampled_from(get_args(ScheduleName))),
        guidance_start=draw(st.floats(0, 1)),
        noise=draw(st.sampled_from(["philox", "torch", "nv"])),
        variation_seed=draw(st.integers(0, 2**40)),
        variation_strength=draw(st.floats(0, 1)),
        guidance_end=draw(st.floats(0, 1)),
        threshold=draw(st.none() | st.floats(0.5, 0.999)),
        steps=draw(st.integers(1, 1000)),
        guidance_scale=draw(st.floats(0, 1000)),
        guidance_rescale=draw(st.floats(0, 1)),
        eta=draw(st.none() | st.floats(0, 1)),
        seed=draw(st.integers(0, LAST_SEED - 1000)),
    )
    return TextToImage(
        prompt=draw(TEXT | st.lists(TEXT, min_size=1, max_size=3).map(tuple)),
        negative_prompt=draw(TEXT),
        width=draw(st.none() | st.integers(8, 8192)),
        height=draw(st.none() | st.integers(8, 8192)),
        images=draw(st.integers(1, 4)),
        sampling=sampling,
    )


@given(requests(), TEXT)
def test_a_request_survives_its_picture(asked: TextToImage, model: str):
    """request -> PNG -> request is the identity, to the last bit of every number and sign."""
    image = Image.new("RGB", (2, 2))
    assert read_request(io.BytesIO(png(image, asked, model))) == asked


@given(requests())
def test_alone_names_every_picture(asked: TextToImage):
    """Picture k has seed S + k, or S and the k-th variation, and its row's prompt.

    Alone, it is picture 0 of its own request.
    """
    made = [asked.alone(k) for k in range(len(asked))]
    varied = asked.sampling.variation_strength > 0
    steps = [0 if varied else k for k in range(len(made))]
    assert [r.sampling.seed for r in made] == [asked.sampling.seed + k for k in steps]
    assert [r.sampling.variation_seed for r in made] == [
        asked.sampling.variation_seed + k - step for k, step in enumerate(steps)
    ]
    assert [r.prompt for r in made] == [p for p in asked.prompts for _ in range(asked.images)]
    for request in made:
        assert len(request) == 1
        assert request.alone(0) == request
        assert TextToImage.model_validate(request.model_dump()) == request


def read_as_others_do(text: str) -> tuple[str, str, dict[str, Any]]:
    """Prompt, negative prompt and pairs, by the rules that readers of `parameters` share."""
    *lines, last = text.split("\n")
    pairs = re.findall(r'([\w ]+): ("(?:\\.|[^"\\])*"|[^,]*)(?:, |$)', last)
    assert len(pairs) >= 3, "with fewer pairs, a reader takes the last line for prompt"
    values = {key: json.loads(v) if v.startswith('"') else v for key, v in pairs}
    marked = [i for i, line in enumerate(lines) if line.startswith("Negative prompt: ")]
    cut = marked[0] if marked else len(lines)
    negative = "\n".join(lines[cut:]).removeprefix("Negative prompt: ")
    return "\n".join(lines[:cut]), negative, values


@given(requests(), TEXT)
def test_others_read_the_parameters(asked: TextToImage, model: str):
    alone = asked.alone(0)
    prompt, negative, values = read_as_others_do(parameters(alone, model))
    assert prompt == alone.prompt
    assert negative == alone.negative_prompt
    assert values["Seed"] == str(alone.sampling.seed)
    assert values["Size"] == f"{alone.width}x{alone.height}"
    assert float(values["CFG scale"]) == pytest.approx(alone.sampling.guidance_scale, rel=1e-11)
    assert values["Model"] == model


def test_parameters_as_the_web_ui_writes_them():
    """Pinned: order, names and signs, from the conventions of AUTOMATIC1111's web UI."""
    request = TextToImage(
        prompt="a red cube,\non wood",
        negative_prompt="blur",
        width=512,
        height=768,
        sampling=Sampling(schedule="karras", steps=20, guidance_scale=7, seed=42),
    )
    assert parameters(request, "my, model").rsplit(", Version", 1)[0] == (
        "a red cube,\non wood\n"
        "Negative prompt: blur\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, "
        'Size: 512x768, Model: "my, model", RNG: Philox'
    )


def test_every_sampler_has_its_place():
    """The record's names, kept apart so that it costs no torch, are those of what they name."""
    assert set(get_args(SamplerName)) == set(SAMPLERS) == set(TOLD_SAMPLERS)
    assert set(get_args(ScheduleName)) == set(SPACINGS) == set(TOLD_SCHEDULES)
    assert set(get_args(Weighting)) == set(get_args(ReadWeighting))
    assert set(get_args(Sampling.model_fields["noise"].annotation)) == set(MODES)


@pytest.mark.parametrize("table", [COMFY, DIFFUSERS])
def test_names_of_other_programs(table):
    for name, ours in table.items():
        assert Sampling(sampler=name).sampler == ours
        assert Sampling(sampler=name.lower()).sampler in (ours, name.lower())


def test_names_of_the_web_ui_bring_their_schedules():
    for name, (ours, schedule) in WEB_UI.items():
        made = Sampling(sampler=name)
        assert (made.sampler, made.schedule) == (ours, schedule)
        assert Sampling(sampler=name, schedule="Automatic") == made


def test_names_that_hold_a_schedule():
    """As older web UIs wrote them; a schedule that is given comes first."""
    for name in WEB_UI:
        for told, schedule in (("Karras", "karras"), ("SGM Uniform", "sgm_uniform")):
            assert named(f"{name} {told}") == (WEB_UI[name][0], schedule)
    assert Sampling(sampler="DPM++ 2M Karras").schedule == "karras"
    assert Sampling(sampler="DPM++ 2M Karras", schedule="Exponential").schedule == "exponential"
    assert Sampling(sampler="Euler a", schedule="Automatic").schedule is None
    assert Sampling(sampler="euler", schedule="sgm uniform").schedule == "sgm_uniform"


@given(st.text(max_size=30))
def test_any_name_is_ours_or_an_error(name):
    told = ""
    try:
        told = Sampling(sampler=name).sampler
    except ValidationError as error:
        told = str(error)
    assert told in SAMPLERS or "sampler" in told


def test_what_is_told_is_understood():
    for ours, told in TOLD_SAMPLERS.items():
        assert SAMPLERS[named(told)[0]].function is SAMPLERS[ours].function
    for ours, told in TOLD_SCHEDULES.items():
        if told not in ("Leading", "Trailing"):
            assert Sampling(schedule=told).schedule == ours


def test_a_foreign_picture_holds_no_request(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="holds no request"):
        read_request(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no picture")
    with pytest.raises(UserError, match="cannot be read as a picture"):
        read_request(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"none\.png: cannot be read"):
        read_request(tmp_path / "none.png")


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 0},
        {"steps": 1001},
        {"guidance_scale": float("nan")},
        {"guidance_scale": -1},
        {"guidance_rescale": 1.5},
        {"eta": float("inf")},
        {"seed": -1},
        {"seed": LAST_SEED + 1},
        {"sampler": "eulr"},
        {"schedule": "karas"},
        {"step": 5},
    ],
)
def test_every_field_is_bounded(values):
    with pytest.raises(ValidationError):
        Sampling.model_validate(values)


def test_the_last_picture_has_a_seed_too():
    last = Sampling(seed=LAST_SEED)
    assert len(TextToImage(prompt="", sampling=last)) == 1
    with pytest.raises(ValidationError, match="take a smaller one"):
        TextToImage(prompt="", images=2, sampling=last)
