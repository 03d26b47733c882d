"""Infotext: what AUTOMATIC1111's web UI writes of a picture, written and read.

The prompt; a ``Negative prompt:`` line if there is one; then ``Key: value`` pairs in one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from calotype.generate.names import (
    WEB_UI,
    WEB_UI_SAMPLERS,
    find_sampler,
    find_schedule,
    web_ui_schedule,
)
from calotype.generate.provenance import Provenance
from calotype.generate.request import MAX_PROMPT_LENGTH, Request

NEGATIVE = "Negative prompt:"
MIN_PAIRS = 3  # pairs that make the last line one of pairs
MAX_LINE = 30_000  # a longer one is a prompt
_PAIR = re.compile(r'(\w[\w \-/]{0,80}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')

EMPHASIS = {"a1111": None, "comfy": "Comfy", "none": "None"}
"""What stands in the text for each weighting; nothing for the usual one."""

RNG = {"philox": "Philox", "torch": "CPU", "nv": "NV"}
"""What stands in the text for each kind of noise; where nothing does, an NVIDIA GPU drew it."""

_IGNORED = ("Model", "Model hash", "VAE hash", "Version", "User", "Walk")
_IGNORED_VALUES = {"Denoising strength": "1", "Tiling": "False", "ENSD": "0"}


@dataclass(frozen=True)
class Infotext:
    """A text taken apart: prompt, negative prompt, and the pairs of its last line, in order."""

    prompt: str
    negative_prompt: str = ""
    pairs: dict[str, str] = field(default_factory=dict)


def write_infotext(request: Request, provenance: Provenance) -> str:
    """The text for a request of one picture."""
    sampling = request.sampling
    varied = sampling.variation_strength > 0
    pairs = {
        "Steps": sampling.steps,
        "Sampler": WEB_UI_SAMPLERS[sampling.sampler],
        "Schedule type": web_ui_schedule(sampling.sampler, sampling.schedule),
        "CFG scale": _number(sampling.guidance_scale),
        "Seed": sampling.seed,
        "Size": f"{request.width}x{request.height}" if request.width and request.height else None,
        "Model hash": provenance.model_hash or None,
        "Model": provenance.model,
        "VAE hash": provenance.vae_hash or None,
        "Variation seed": sampling.variation_seed if varied else None,
        "Variation seed strength": _number(sampling.variation_strength) if varied else None,
        "Clip skip": request.clip_skip if request.clip_skip > 1 else None,
        "RNG": RNG[sampling.noise],
        "Emphasis": EMPHASIS[request.weighting],
        "Eta": None if sampling.eta is None else _number(sampling.eta),
        "CFG rescale": _number(sampling.guidance_rescale) if sampling.guidance_rescale else None,
        "CFG schedule": " ".join(map(_number, sampling.guidance_schedule)) or None,
        "Guidance start": _number(sampling.guidance_start) if sampling.guidance_start else None,
        "Guidance end": _number(sampling.guidance_end) if sampling.guidance_end < 1 else None,
        "Threshold": None if sampling.threshold is None else _number(sampling.threshold),
        "Walk": _walk(request),
        "Version": f"calotype {provenance.version}",
    }
    line = [f"{key}: {_quoted(str(value))}" for key, value in pairs.items() if value is not None]
    negative = [f"{NEGATIVE} {request.negative_prompt}"] if request.negative_prompt else []
    return "\n".join([request.prompts[0], *negative, ", ".join(line)])


def _walk(request: Request) -> str | None:
    """Our names of sampler and schedule, where the web UI's mean others."""
    sampler, schedule = request.sampling.sampler, request.sampling.schedule
    theirs = WEB_UI_SAMPLERS[sampler], web_ui_schedule(sampler, schedule)
    if (find_sampler(theirs[0])[0], find_schedule(theirs[1])) == (sampler, schedule):
        return None
    return f"{sampler} {schedule or ''}".strip()


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _quoted(value: str) -> str:
    risky = any(mark in value for mark in ',:\n"') or value != value.strip()
    return json.dumps(value, ensure_ascii=False) if risky else value


def parse_infotext(text: str) -> Infotext:
    """The parts of any text: where the last line holds no pairs, all is prompt. Never fails."""
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
    # Half of a surrogate pair is no text that could be written again.
    whole = isinstance(read, str) and not re.search("[\ud800-\udfff]", read)
    return read if whole else value


def request_from_infotext(info: Infotext) -> tuple[Request, list[str]]:
    """The request that a text stands for, and what it says that is left out. Never fails."""
    notes: list[str] = []
    values = {"prompt": info.prompt, "negative_prompt": info.negative_prompt}
    for name, text in values.items():
        if len(text) > MAX_PROMPT_LENGTH:
            notes.append(f"{name}: cut after {MAX_PROMPT_LENGTH:,} characters")
            values[name] = text[:MAX_PROMPT_LENGTH]
    values: dict[str, Any] = {**values, "sampling": {}}
    if info.pairs:
        values["sampling"]["noise"] = "nv"
    if "Schedule type" not in info.pairs and (name := info.pairs.get("Sampler")) in WEB_UI:
        # Before they were told apart, a bare name walked evenly.
        even = WEB_UI[name][1] in ("karras", "exponential") and name != "Restart"
        values["sampling"]["schedule"] = "linspace" if even else None
    for key, value in info.pairs.items():
        if key in _IGNORED or _IGNORED_VALUES.get(key) == value:
            continue
        try:
            for path, read in _READ[key](value):
                (values["sampling"] if path[0] == "." else values)[path.lstrip(".")] = read
        except (KeyError, ValueError):
            notes.append(f"{key}: {value}")
    if walk := info.pairs.get("Walk"):
        sampler, _, schedule = walk.partition(" ")
        values["sampling"] |= {"sampler": sampler, "schedule": schedule or None}
    return _valid(values, notes), notes


def _valid(values: dict[str, Any], notes: list[str]) -> Request:
    """The request of these values; those that are not allowed are left out and noted."""
    while True:
        try:
            return Request.model_validate(values)
        except ValidationError as error:
            for name in dict.fromkeys(_field(each["loc"]) for each in error.errors()):
                table = values["sampling"] if name in values["sampling"] else values
                if name in ("", "prompt") or name not in table:
                    # Seeds that leave no room, or what no request can hold.
                    notes.append("what it asks for as a whole is not possible")
                    return Request(prompt="")
                notes.append(f"{name}: {table.pop(name)}")


def _field(place: tuple[int | str, ...]) -> str:
    """The field that an error is about, without the place in a list inside it."""
    inside = place[1:] if place[:1] == ("sampling",) else place
    return str(inside[0]) if inside else ""


FieldValues = Iterator[tuple[str, Any]]
"""(field, value); a field of ``sampling`` begins with a dot."""


def _one(name: str, kind: Callable[[str], Any]) -> Callable[[str], FieldValues]:
    def read(value: str) -> FieldValues:
        yield name, kind(value)

    return read


def _size(value: str) -> FieldValues:
    width, height = value.split("x")
    yield "width", int(width)
    yield "height", int(height)


def _among(names: Mapping[str, str | None]) -> Callable[[str], str]:
    ours = {theirs: ours for ours, theirs in names.items() if theirs is not None}
    return lambda value: ours[value]


def _scales(value: str) -> tuple[float, ...]:
    return tuple(map(float, value.split(" ")))


_READ: dict[str, Callable[[str], FieldValues]] = {
    "Steps": _one(".steps", int),
    "Sampler": _one(".sampler", str),
    "Schedule type": _one(".schedule", str),
    "CFG scale": _one(".guidance_scale", float),
    "Seed": _one(".seed", int),
    "Size": _size,
    "Variation seed": _one(".variation_seed", int),
    "Variation seed strength": _one(".variation_strength", float),
    "Clip skip": _one("clip_skip", int),
    "RNG": _one(".noise", _among(RNG)),
    "Emphasis": _one("weighting", _among({**EMPHASIS, "a1111": "Original"})),
    "Eta": _one(".eta", float),
    "CFG rescale": _one(".guidance_rescale", float),
    "CFG schedule": _one(".guidance_schedule", _scales),
    "Guidance start": _one(".guidance_start", float),
    "Guidance end": _one(".guidance_end", float),
    "Threshold": _one(".threshold", float),
}
