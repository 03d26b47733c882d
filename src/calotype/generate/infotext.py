"""Infotext: the text in which AUTOMATIC1111's web UI describes a picture, written and read.

The prompt; a ``Negative prompt:`` line if there is one; then ``Key: value`` pairs in one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from pydantic import ValidationError

from calotype.generate.names import (
    WEB_UI_SAMPLERS,
    find_sampler,
    find_schedule,
    web_ui_default,
    web_ui_schedule,
)
from calotype.generate.provenance import Provenance
from calotype.generate.request import MAX_PROMPT_LENGTH, Request

NEGATIVE = "Negative prompt:"
MIN_PAIRS = 3  # fewer pairs than this are part of the prompt
MAX_LINE = 30_000  # characters; a longer last line is part of the prompt
_PAIR = re.compile(r'(\w[\w \-/]{0,80}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')


@dataclass(frozen=True)
class Infotext:
    """A parsed text: prompt, negative prompt, and the pairs of its last line in order."""

    prompt: str
    negative_prompt: str = ""
    pairs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """One key of the text, with how its value is written and read.

    write: the value for a request; None leaves the pair out.
    read: the fields of a request, by dotted path, that a value sets; None for a key that is ignored
        when a text is read.
    """

    name: str
    write: Callable[[Request, Provenance], str | None]
    read: Callable[[str], Mapping[str, Any]] | None = None


def write_infotext(request: Request, provenance: Provenance) -> str:
    """The text for a request of one picture."""
    line: list[str] = []
    for key in KEYS:
        value = key.write(request, provenance)
        if value is not None:
            line.append(f"{key.name}: {_quoted(value)}")
    negative = [f"{NEGATIVE} {request.negative_prompt}"] if request.negative_prompt else []
    return "\n".join([request.prompts[0], *negative, ", ".join(line)])


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _quoted(value: str) -> str:
    risky = re.search('[,:\n"]', value) or value != value.strip()
    return json.dumps(value, ensure_ascii=False) if risky else value


def parse_infotext(text: str) -> Infotext:
    """Parse any text; if its last line holds no pairs, all of it is the prompt. Never fails."""
    text = text.rstrip()
    first, _, last = text.rpartition("\n")
    found = _PAIR.findall(last) if len(last) <= MAX_LINE else []
    if len(found) < MIN_PAIRS:
        first, found = text, []
    lines = first.split("\n")
    starts = (k for k, line in enumerate(lines) if line.lstrip().startswith(NEGATIVE))
    cut = next(starts, len(lines))
    negative = "\n".join(lines[cut:]).lstrip().removeprefix(NEGATIVE).removeprefix(" ")
    return Infotext(
        prompt="\n".join(lines[:cut]),
        negative_prompt=negative,
        pairs={key.strip(): _unquoted(value.strip()) for key, value in found},
    )


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return value
    # A lone surrogate could not be written again.
    whole = isinstance(read, str) and not re.search("[\ud800-\udfff]", read)
    return read if whole else value


def request_from_infotext(info: Infotext) -> tuple[Request, list[str]]:
    """The request that a text describes, and the settings in it that are left out. Never fails."""
    notes: list[str] = []
    values: dict[str, Any] = {"sampling": {}}
    for name in ("prompt", "negative_prompt"):
        values[name] = getattr(info, name)[:MAX_PROMPT_LENGTH]
        if values[name] != getattr(info, name):
            notes.append(f"{name}: cut after {MAX_PROMPT_LENGTH:,} characters")
    if info.pairs:
        values["sampling"]["noise"] = "nv"
    if "Schedule type" not in info.pairs and (name := info.pairs.get("Sampler")):
        # Older texts name no schedule: there a bare sampler name means even spacing.
        even = web_ui_default(name) in ("karras", "exponential") and name != "Restart"
        values["sampling"]["schedule"] = "linspace" if even else None
    for name, value in info.pairs.items():
        if name in NOTES or _IGNORED_VALUES.get(name) == value:
            continue
        try:
            for field, read in READ[name](value).items():
                table, _, last = field.rpartition(".")
                (values[table] if table else values)[last] = read
        except (KeyError, ValueError):
            notes.append(f"{name}: {value}")
    if walk := info.pairs.get("Walk"):
        sampler, _, schedule = walk.partition(" ")
        values["sampling"] |= {"sampler": sampler, "schedule": schedule or None}
    return _valid(values, notes), notes


def _valid(values: dict[str, Any], notes: list[str]) -> Request:
    """The request of these values; values that are not allowed are left out and noted."""
    while True:
        try:
            return Request.model_validate(values)
        except ValidationError as error:
            for name in dict.fromkeys(_field(each["loc"]) for each in error.errors()):
                table = values["sampling"] if name in values["sampling"] else values
                if name in ("", "prompt") or name not in table:
                    # Seeds too large for the number of pictures, or an error of no single field.
                    notes.append("its settings together are not allowed")
                    return Request(prompt="")
                notes.append(f"{name}: {table.pop(name)}")


def _field(place: tuple[int | str, ...]) -> str:
    """The field of an error, without the index of a list inside it."""
    inside = place[1:] if place[:1] == ("sampling",) else place
    return str(inside[0]) if inside else ""


def _key(
    name: str,
    field: str,
    read: Callable[[str], Any],
    write: Callable[[Any], str | None] = str,
    where: Callable[[Request], bool] = lambda request: True,
) -> Key:
    """The key of one field; the pair is left out if the field is None or ``where`` is false."""
    value = attrgetter(field)

    def written(request: Request, provenance: Provenance) -> str | None:
        there = value(request) is not None and where(request)
        return write(value(request)) if there else None

    return Key(name, written, lambda text: {field: read(text)})


def _varied(request: Request) -> bool:
    return request.sampling.variation_strength > 0


def _write_size(request: Request, provenance: Provenance) -> str | None:
    both = request.width and request.height
    return f"{request.width}x{request.height}" if both else None


def _read_size(text: str) -> dict[str, int]:
    width, height = text.split("x")
    return {"width": int(width), "height": int(height)}


def _write_walk(request: Request, provenance: Provenance) -> str | None:
    """Our names of sampler and schedule, if the web UI's names would be read as others."""
    sampler, schedule = request.sampling.sampler, request.sampling.schedule
    theirs = (
        find_sampler(WEB_UI_SAMPLERS[sampler])[0],
        find_schedule(web_ui_schedule(sampler, schedule)),
    )
    return None if theirs == (sampler, schedule) else f"{sampler} {schedule or ''}".strip()


def _write_scales(scales: tuple[float, ...]) -> str | None:
    return " ".join(map(_number, scales)) or None


def _read_scales(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(" ")))


RNG = {"philox": "Philox", "torch": "CPU", "nv": "NV"}
"""The value for each kind of noise; a text without this key was made on an NVIDIA GPU."""
_NOISE = {theirs: ours for ours, theirs in RNG.items()}

EMPHASIS = {"comfy": "Comfy", "none": "None"}
"""The value for each weighting; the usual one, a1111, has no pair."""
_WEIGHTING = {"Original": "a1111", **{theirs: ours for ours, theirs in EMPHASIS.items()}}

KEYS = (
    _key("Steps", "sampling.steps", int),
    _key("Sampler", "sampling.sampler", str, WEB_UI_SAMPLERS.get),
    Key(
        "Schedule type",
        lambda request, _: web_ui_schedule(request.sampling.sampler, request.sampling.schedule),
        lambda text: {"sampling.schedule": text},
    ),
    _key("CFG scale", "sampling.guidance_scale", float, _number),
    _key("Seed", "sampling.seed", int),
    Key("Size", _write_size, _read_size),
    Key("Model hash", lambda _, made: made.model_hash or None),
    Key("Model", lambda _, made: made.model),
    Key("VAE hash", lambda _, made: made.vae_hash or None),
    _key("Variation seed", "sampling.variation_seed", int, where=_varied),
    _key("Variation seed strength", "sampling.variation_strength", float, _number, _varied),
    _key("Clip skip", "clip_skip", int, where=lambda request: request.clip_skip > 1),
    _key("RNG", "sampling.noise", _NOISE.__getitem__, RNG.get),
    _key("Emphasis", "weighting", _WEIGHTING.__getitem__, EMPHASIS.get),
    _key("Eta", "sampling.eta", float, _number),
    _key(
        "CFG rescale",
        "sampling.guidance_rescale",
        float,
        _number,
        lambda request: request.sampling.guidance_rescale > 0,
    ),
    _key("CFG schedule", "sampling.guidance_schedule", _read_scales, _write_scales),
    _key(
        "Guidance start",
        "sampling.guidance_start",
        float,
        _number,
        lambda request: request.sampling.guidance_start > 0,
    ),
    _key(
        "Guidance end",
        "sampling.guidance_end",
        float,
        _number,
        lambda request: request.sampling.guidance_end < 1,
    ),
    _key("Threshold", "sampling.threshold", float, _number),
    Key("Walk", _write_walk),
    Key("Version", lambda _, made: f"calotype {made.version}"),
)
"""The pairs in the order in which they are written."""

READ = {key.name: key.read for key in KEYS if key.read}
NOTES = {"User", *(key.name for key in KEYS if not key.read)}
_IGNORED_VALUES = {"Denoising strength": "1", "Tiling": "False", "ENSD": "0"}
