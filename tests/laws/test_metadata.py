"""A picture's file holds its whole request, and the text that other programs read."""

import contextlib
import io
import json
import re
from typing import Any, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from pydantic import ValidationError

from calotype import Request, Sampling, read_request
from calotype.diffusion.compatible import MODES
from calotype.errors import UserError
from calotype.generate import infotext
from calotype.generate.metadata import encode_picture, metadata_rows, read_metadata
from calotype.generate.names import (
    TABLE,
    WEB_UI_SAMPLERS,
    WEB_UI_SCHEDULES,
    SamplerName,
    ScheduleName,
    find_sampler,
)
from calotype.generate.provenance import Provenance
from calotype.generate.request import MAX_SEED, PromptWeighting
from calotype.names import Format
from calotype.sampling import SAMPLERS, SPACINGS

# All that a prompt may hold, with what a format trips over made frequent.
TEXT = st.text(
    st.one_of(st.sampled_from(',:"\\\n\r\0 é½世🖌'), st.characters(exclude_categories=["Cs"]))
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
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
        guidance_schedule=draw(st.lists(st.floats(0, 1000), max_size=3).map(tuple)),
        guidance_rescale=draw(st.floats(0, 1)),
        eta=draw(st.none() | st.floats(0, 1)),
        seed=draw(st.integers(0, MAX_SEED - 1000)),
    )
    return Request(
        prompt=draw(TEXT | st.lists(TEXT, min_size=1, max_size=3).map(tuple)),
        negative_prompt=draw(TEXT),
        width=draw(st.none() | st.integers(8, 8192)),
        height=draw(st.none() | st.integers(8, 8192)),
        images=draw(st.integers(1, 4)),
        weighting=draw(st.sampled_from(get_args(PromptWeighting))),
        clip_skip=draw(st.integers(1, 12)),
        sampling=sampling,
    )


@given(requests(), TEXT, st.sampled_from(["png", "jpeg", "webp"]))
def test_a_request_survives_its_picture(original: Request, model: str, format: Format):
    """request -> file -> request is the identity, to the last bit of every number and sign."""
    image, made = Image.new("RGB", (2, 2)), Provenance(model=model, deterministic=True, threads=2)
    found = read_metadata(io.BytesIO(encode_picture(image, original, made, format)))
    assert (found.request, found.provenance, found.model) == (original, made, model)
    assert dict(metadata_rows(io.BytesIO(encode_picture(image, original, made, format))))["seed"]


def test_what_is_too_long_for_a_jpeg_stays_out():
    """First the request is left out, then the text; never the picture."""
    image = Image.new("RGB", (2, 2))
    for prompt, negative, text, request in (
        ("é" * 2_000, "", True, True),
        ("🖌" * 9_000, "", True, False),
        ("🖌" * 9_000, "🖌" * 9_000, False, False),
    ):
        long = Request(prompt=prompt, negative_prompt=negative)
        found = read_metadata(io.BytesIO(encode_picture(image, long, Provenance(), "jpeg")))
        assert ("parameters" in found.texts) == text
        assert (found.provenance is not None) == request


@given(requests())
def test_alone_names_every_picture(original: Request):
    """Picture k has seed S + k, or S and the k-th variation, and its row's prompt.

    Alone, it is picture 0 of its own request.
    """
    made = [original.single(k) for k in range(len(original))]
    varied = original.sampling.variation_strength > 0
    steps = [0 if varied else k for k in range(len(made))]
    assert [r.sampling.seed for r in made] == [original.sampling.seed + k for k in steps]
    assert [r.sampling.variation_seed for r in made] == [
        original.sampling.variation_seed + k - step for k, step in enumerate(steps)
    ]
    assert [r.prompt for r in made] == [p for p in original.prompts for _ in range(original.images)]
    for request in made:
        assert len(request) == 1
        assert request.single(0) == request
        assert Request.model_validate(request.model_dump()) == request


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
def test_others_read_the_parameters(original: Request, model: str):
    alone = original.single(0)
    prompt, negative, values = read_as_others_do(
        infotext.write_infotext(alone, Provenance(model=model))
    )
    assert prompt == alone.prompt
    assert negative == alone.negative_prompt
    assert values["Seed"] == str(alone.sampling.seed)
    if alone.width and alone.height:
        assert values["Size"] == f"{alone.width}x{alone.height}"
    assert float(values["CFG scale"]) == alone.sampling.guidance_scale
    assert values["Model"] == model


def test_parameters_as_the_web_ui_writes_them():
    """Pinned: order, names and signs, from the conventions of AUTOMATIC1111's web UI."""
    request = Request(
        prompt="a red cube,\non wood",
        negative_prompt="blur",
        width=512,
        height=768,
        sampling=Sampling(
            sampler="dpm++2m", schedule="karras", steps=20, guidance_scale=7, seed=42
        ),
    )
    made = Provenance(model="my, model", model_hash="0123456789")
    assert infotext.write_infotext(request, made).rsplit(", Walk", 1)[0] == (
        "a red cube,\non wood\n"
        "Negative prompt: blur\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, "
        'Size: 512x768, Model hash: 0123456789, Model: "my, model", RNG: Philox'
    )


def parsed(text: str) -> tuple[Request, list[str]]:
    return infotext.request_from_infotext(infotext.parse_infotext(text))


def rounded(request: Request) -> Request:
    """The part of a request that the text can state: both sizes, variations if there are any."""
    sampling = request.sampling
    if not sampling.variation_strength:
        sampling = sampling.model_copy(update={"variation_seed": 0})
    sizes = {} if request.width and request.height else {"width": None, "height": None}
    return request.model_copy(update={"sampling": sampling, **sizes})


@given(requests(), TEXT)
@settings(max_examples=500)
def test_what_is_written_is_read(original: Request, model: str):
    """request -> infotext -> request is the identity, to the last bit of every number.

    But for a prompt with a line that begins as the negative one does: there the text says something
    else than the whole request beside it.
    """
    alone = rounded(original.single(0))
    lines = alone.prompt.split("\n")
    assume(not any(line.lstrip().startswith("Negative prompt:") for line in lines))
    assert parsed(infotext.write_infotext(alone, Provenance(model=model))) == (alone, [])


@given(TEXT | st.text())
@settings(max_examples=500)
def test_any_text_is_read(text: str):
    """Nothing in a text stops the reader, and what holds no pairs is a prompt."""
    request, _ = parsed(text)
    assert isinstance(request, Request)
    if ":" not in text:
        assert infotext.parse_infotext(text).prompt == text.rstrip()


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(["Steps", "Seed", "Sampler", "Size", "CFG scale", "RNG", "Walk", "Eta"])
        | st.text(st.characters(categories=["L"]), min_size=1, max_size=9),
        st.text(max_size=12) | st.integers().map(str) | st.floats().map(str),
    ),
    max_size=9,
)


@given(TEXT, PAIRS)
@settings(max_examples=500)
def test_any_pairs_are_read(prompt: str, pairs: list[tuple[str, str]]):
    """What a pair can't mean is left out and named."""
    line = ", ".join(f"{key}: {value}" for key, value in pairs)
    request, left_out = parsed(f"{prompt}\n{line}")
    assert isinstance(request, Request)
    assert all(isinstance(text, str) for text in left_out)


def test_a_long_line_takes_no_time():
    """Unclosed quotes without end, which a careless pattern reads over and over."""
    for unit in ('a:"', "a" * 50, 'a:"\\', ", ", " ", "a ", "\t"):
        parsed("x\n" + unit * (29_000 // len(unit)) + "!")
    parsed('a:"' * 1_000_000)


@given(st.binary(max_size=300), st.sampled_from(["png", "jpeg", "webp"]), st.integers(0, 3000))
@settings(max_examples=300)
def test_any_bytes_are_read(damage: bytes, format: Format, place: int):
    """A file with bytes overwritten is still a picture with or without a request, or a mistake."""
    whole = encode_picture(Image.new("RGB", (2, 2)), Request(prompt="a"), Provenance(), format)
    place = min(place, len(whole))
    for data in (damage, whole[:place] + damage + whole[place + len(damage) :]):
        with contextlib.suppress(UserError):
            read_metadata(io.BytesIO(data))


def test_a_text_of_the_web_ui():
    """An old picture: a schedule in the sampler's name, a GPU's noise, what has no place here."""
    request, left_out = parsed(
        "a (red:1.2) cube,\nsharp\nNegative prompt: blur,\n wood\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 42, Size: 512x768, "
        "Model hash: 81761151, Model: sd-v1-5, Clip skip: 2, ENSD: 31337, "
        'Hires upscale: 2, Lora hashes: "a: 12, b: 34", Version: v1.6.0'
    )
    assert request == Request(
        prompt="a (red:1.2) cube,\nsharp",
        negative_prompt="blur,\n wood",
        width=512,
        height=768,
        clip_skip=2,
        sampling=Sampling(
            sampler="k_dpm++2m",
            schedule="karras",
            steps=20,
            guidance_scale=7.5,
            seed=42,
            noise="nv",
        ),
    )
    assert left_out == ["ENSD: 31337", "Hires upscale: 2", "Lora hashes: a: 12, b: 34"]


def test_a_bare_name_before_schedules_were_told():
    """It walked evenly; "DPM++ 2M Karras" was another name."""
    for name, schedule in (("DPM++ 2M", "linspace"), ("DPM++ SDE Karras", "karras")):
        request, _ = parsed(f"a\nSteps: 20, Sampler: {name}, Seed: 1, Version: v1.6.0")
        assert request.sampling.schedule == schedule


def test_a_mistake_in_a_list_costs_the_list_alone():
    request, left_out = parsed("a cube\nSteps: 20, Sampler: DDIM, CFG schedule: 2000 5")
    assert (request.prompt, request.sampling.steps) == ("a cube", 20)
    assert left_out == ["guidance_schedule: (2000.0, 5.0)"]
    _, left_out = parsed("a\nSteps: 2, Sampler: DDIM, Seed: 1, Tiling: True, VAE: foo.pt")
    assert left_out == ["Tiling: True", "VAE: foo.pt"]


def test_a_text_ends_as_it_likes():
    text = "a cube\n Negative prompt: blur\nSteps: 20, Sampler: DDIM, Seed: 3"
    for end in ("", "\n", "\r\n\r\n", "\n\t "):
        request, _ = parsed(text + end)
        assert (request.negative_prompt, request.sampling.seed) == ("blur", 3)


def test_what_others_wrote_does_nothing_to_a_terminal():
    info = PngInfo()
    rest = r'Seed: 1, Foo: "\ud800", Model: "\u001b]0;x\u0007"'
    info.add_text("parameters", f"a\x1b[31m\nSteps: 2, Sampler: DDIM, {rest}")
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, format="PNG", pnginfo=info)
    for name, text in metadata_rows(buffer):
        assert name.isprintable()
        assert text.replace("\n", "").isprintable()


def test_a_comment_of_either_order():
    """The web UI writes UserComment with the high byte first; some programs with the low one."""
    text = "a é cube\nSteps: 7, Sampler: Euler a, Seed: 3"
    for order in ("be", "le"):
        exif, buffer = Image.Exif(), io.BytesIO()
        comment = b"UNICODE\0" + text.encode(f"utf-16-{order}")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
        Image.new("RGB", (2, 2)).save(buffer, format="JPEG", exif=exif)
        found = read_metadata(io.BytesIO(buffer.getvalue()))
        assert found.request
        assert found.request.prompt == "a é cube"
        assert found.request.sampling.sampler == "k_euler_ancestral"


def test_every_sampler_has_its_place():
    """The record's names, in a module without torch, are those of the tables they name."""
    assert set(get_args(SamplerName)) == set(SAMPLERS) == set(WEB_UI_SAMPLERS)
    assert set(get_args(ScheduleName)) == set(SPACINGS) == set(WEB_UI_SCHEDULES)
    assert set(get_args(Sampling.model_fields["noise"].annotation)) == set(MODES)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.ours)
def test_names_of_other_programs(row):
    """A class of diffusers walks its own path, the web UIs' names theirs, with its schedule."""
    if row.diffusers:
        assert Sampling(sampler=row.diffusers).sampler == row.ours
        assert Sampling(sampler=row.diffusers.lower()).sampler == row.ours
    for name in row.comfy:
        assert Sampling(sampler=name).sampler == (row.on_web_ui_path if row.comfy_k else row.ours)
    named = Sampling(sampler=row.web_ui)
    assert (named.sampler, named.schedule) == (row.on_web_ui_path, row.schedule)
    assert Sampling(sampler=row.web_ui, schedule="Automatic") == named


def test_names_that_hold_a_schedule():
    """As older web UIs wrote them; a schedule that is given comes first."""
    for row in TABLE:
        for theirs, schedule in (("Karras", "karras"), ("SGM Uniform", "sgm_uniform")):
            assert find_sampler(f"{row.web_ui} {theirs}") == (row.on_web_ui_path, schedule)
    assert Sampling(sampler="DPM++ 2M Karras").schedule == "karras"
    assert Sampling(sampler="DPM++ 2M Karras", schedule="Exponential").schedule == "exponential"
    assert Sampling(sampler="Euler a", schedule="Automatic").schedule is None
    assert Sampling(sampler="euler", schedule="sgm uniform").schedule == "sgm_uniform"


@given(st.text(max_size=30))
def test_any_name_is_ours_or_an_error(name):
    outcome = ""
    try:
        outcome = Sampling(sampler=name).sampler
    except ValidationError as error:
        outcome = str(error)
    assert outcome in SAMPLERS or "sampler" in outcome


def test_what_is_told_is_understood():
    for ours, theirs in WEB_UI_SAMPLERS.items():
        assert SAMPLERS[find_sampler(theirs)[0]].function is SAMPLERS[ours].function
    for ours, theirs in WEB_UI_SCHEDULES.items():
        if theirs not in ("Leading", "Trailing"):
            assert Sampling(schedule=theirs).schedule == ours


def test_a_foreign_picture_holds_no_request(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="holds no request"):
        read_request(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no picture")
    with pytest.raises(UserError, match="cannot be read as a picture"):
        read_request(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"none\.png: no such file"):
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
        {"seed": MAX_SEED + 1},
        {"sampler": "eulr"},
        {"schedule": "karas"},
        {"step": 5},
    ],
)
def test_every_field_is_bounded(values):
    with pytest.raises(ValidationError):
        Sampling.model_validate(values)


def test_the_last_picture_has_a_seed_too():
    last = Sampling(seed=MAX_SEED)
    assert len(Request(prompt="", sampling=last)) == 1
    with pytest.raises(ValidationError, match="take a smaller one"):
        Request(prompt="", images=2, sampling=last)
