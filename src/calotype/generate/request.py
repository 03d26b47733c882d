"""Requests: what pictures are asked for, as frozen records with bounds on every field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from calotype.errors import nearest
from calotype.generate.names import SamplerName, ScheduleName, find_sampler, find_schedule
from calotype.names import PromptWeighting
from calotype.settings import Settings, explain_error

MAX_PROMPT_LENGTH = 10_000  # characters
MAX_SEED = 2**53 - 1
"""The largest seed: beyond it, JSON readers that hold numbers as doubles would change it."""

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_LENGTH)]
Share = Annotated[float, Field(ge=0, le=1)]
Scale = Annotated[float, Field(ge=0, le=1000)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Side = Annotated[int, Field(ge=8, le=8192)]


class Sampling(Settings):
    """How noise becomes a picture: the sampler, its path, guidance, and the seed of its draws."""

    sampler: SamplerName = Field(
        default="unipc",
        description="the sampling method; names of other programs are understood",
    )
    schedule: ScheduleName | None = Field(
        default=None, description="spacing of the noise levels; none: the sampler's own"
    )
    steps: int = Field(
        default=20, ge=1, le=1000, description="steps of the sampler; more are finer and slower"
    )
    guidance_scale: Scale = Field(
        default=5.0, description="strength of the guidance towards the prompt; 1 is none"
    )
    guidance_schedule: tuple[Scale, ...] = Field(
        default=(),
        max_length=1000,
        description="guidance scales at even distances along the steps, interpolated linearly; "
        "none: guidance_scale at every step",
    )
    guidance_rescale: Share = Field(
        default=0.0, description="correction of overexposure by strong guidance"
    )
    guidance_start: Share = Field(
        default=0.0, description="share of the steps before guidance begins"
    )
    guidance_end: Share = Field(
        default=1.0,
        description="share of the steps after which guidance ends; the rest is twice as fast",
    )
    threshold: float | None = Field(
        default=None,
        ge=0.5,
        lt=1,
        description="share of a picture's numbers below which the others are clipped, as .995; for "
        "models of pixels",
    )
    eta: Share | None = Field(default=None, description="noise put back at each step, 0 to 1")
    seed: Seed = Field(
        default=0, description="seed of the first picture; the next has the next seed"
    )
    noise: Literal["philox", "torch", "nv"] = Field(
        default="philox",
        description="whose random numbers: ours, the same on every device; those of torch on the "
        "CPU; those of an NVIDIA GPU",
    )
    variation_seed: Seed = Field(
        default=0,
        description="seed of the first variation; where there are any, the pictures share their "
        "seed and the next has the next variation",
    )
    variation_strength: Share = Field(
        default=0.0, description="share of the variation's noise in the seed's; 0: no variation"
    )

    @model_validator(mode="before")
    @classmethod
    def _translate_names(cls, values: Any) -> Any:
        """Translate names of other programs; a sampler's may end with that of a schedule."""
        if not isinstance(values, dict):
            return values
        known = dict(values)
        if isinstance(known.get("schedule"), str):
            known["schedule"] = find_schedule(known["schedule"])
        if isinstance(known.get("sampler"), str):
            known["sampler"], schedule = find_sampler(known["sampler"])
            known["schedule"] = known.get("schedule") or schedule
        return known

    def scale_at(self, step: int) -> float:
        """The guidance scale of a step, counted from 0."""
        scales = self.guidance_schedule
        if len(scales) < 2 or self.steps == 1:
            return scales[0] if scales else self.guidance_scale
        place = step * (len(scales) - 1) / (self.steps - 1)
        before = min(int(place), len(scales) - 2)
        part = place - before
        return scales[before] * (1 - part) + scales[before + 1] * part


class Request(Settings):
    """Pictures from words, and from whatever else is given.

    Picture k of a request with seed S is seed S + k, or of variations seed S and the k-th, and
    ``single(k)`` is the request that makes it by itself. Several prompts make ``images`` pictures
    each, the first prompt's first.
    """

    prompt: Prompt | Annotated[tuple[Prompt, ...], Field(min_length=1, max_length=10_000)] = Field(
        description="what the pictures show: one text, or several; a text may be empty"
    )
    negative_prompt: Prompt = Field(default="", description="what the pictures should not show")
    weighting: PromptWeighting = Field(
        default="a1111",
        description="how (words:1.3) are weighed, as the web UI or ComfyUI does; none: "
        "parentheses and brackets are words too",
    )
    clip_skip: int = Field(
        default=1,
        ge=1,
        le=12,
        description="layer of the text encoder that is read, 1 for the last, 2 for the one before",
    )
    width: Side | None = Field(default=None, description="width in pixels; none: the model's own")
    height: Side | None = Field(default=None, description="height in pixels; none: the model's own")
    images: int = Field(default=1, ge=1, le=10_000, description="pictures of each prompt")
    sampling: Sampling = Field(default=Sampling(), description="how noise becomes a picture")

    @model_validator(mode="before")
    @classmethod
    def _read_old_records(cls, values: Any) -> Any:
        """Earlier versions wrote "job": "text_to_image", which is a request without parts."""
        if isinstance(values, dict) and values.get("job") == "text_to_image":
            return {name: value for name, value in values.items() if name != "job"}
        return values

    @model_validator(mode="after")
    def _check_seeds(self) -> Self:
        name = self._counted
        if getattr(self.sampling, name) + len(self) - 1 > MAX_SEED:
            raise ValueError(f"{name} + pictures - 1 must not pass {MAX_SEED}: take a smaller one")
        return self

    def __len__(self) -> int:
        """How many pictures this asks for."""
        return len(self.prompts) * self.images

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts as a tuple, also if there is one."""
        return (self.prompt,) if isinstance(self.prompt, str) else self.prompt

    @property
    def total_steps(self) -> int:
        """The steps of one picture of a resolved request, in all of its walks."""
        return self.sampling.steps

    @property
    def _counted(self) -> str:
        """The field of the seed that rises by 1 from picture to picture."""
        return "variation_seed" if self.sampling.variation_strength else "seed"

    def single(self, index: int) -> Request:
        """The request that makes picture ``index`` of this one by itself."""
        seed = getattr(self.sampling, self._counted) + index
        sampling = self.sampling.model_copy(update={self._counted: seed})
        prompt = self.prompts[index // self.images]
        return self.model_copy(update={"prompt": prompt, "images": 1, "sampling": sampling})

    def batch_key(self) -> Request:
        """What requests of one batch have in common: all but words, seeds and guidance scales.

        For resolved requests. A new field is part of the key unless ``FREE`` lists it.
        """
        sampling = self.sampling.model_copy(update=FREE_IN_SAMPLING)
        return self.model_copy(update={**FREE, "sampling": sampling})


FREE = {"prompt": "", "negative_prompt": ""}
FREE_IN_SAMPLING = {
    "seed": 0,
    "variation_seed": 0,
    "guidance_scale": 1.0,
    "guidance_schedule": (),
}
"""The fields in which the rows of a batch may differ, blanked."""

TextToImage = Request
"""The name of ``Request`` before requests had parts; it goes with the next release."""

MAX_SWEEP_PICTURES = 10_000


class Sweep(Settings):
    """One request of one picture, with one to three of its fields varied, each value with each.

    ``over`` names fields of the request or of its sampling and lists their values: the first
    field's go across the sheet, the second's down it, the third's from sheet to sheet; picture k
    is counted in this order, and ``single(k)`` is the request that makes it by itself.
    """

    base: Request = Field(description="what all pictures have in common")
    over: dict[str, Annotated[tuple[Any, ...], Field(min_length=1, max_length=10_000)]] = Field(
        min_length=1, max_length=3, description="values by the field that they are for"
    )

    @model_validator(mode="after")
    def _check_cells(self) -> Self:
        if len(self.base) != 1:
            raise ValueError(f"base asks for {len(self.base)} pictures: must be one")
        if len(self) > MAX_SWEEP_PICTURES:
            raise ValueError(f"{len(self):,} pictures: must be at most {MAX_SWEEP_PICTURES:,}")
        for name, values in self.over.items():
            if name not in SWEEPABLE:
                allowed = ", ".join(SWEEPABLE)
                raise ValueError(
                    f'over "{name}": must be one of {allowed}{nearest(name, SWEEPABLE)}'
                )
            for value in values:
                if len(self._with({name: value})) != 1:
                    raise ValueError(f'over "{name}": {value!r}: must be one text')
        return self

    def __len__(self) -> int:
        """How many pictures this asks for."""
        return math.prod(map(len, self.over.values()))

    def place(self, index: int) -> tuple[int, ...]:
        """Which value of each field picture ``index`` has, by number."""
        found: list[int] = []
        for values in self.over.values():
            index, number = divmod(index, len(values))
            found.append(number)
        return tuple(found)

    def single(self, index: int) -> Request:
        """The request that makes picture ``index`` by itself."""
        pairs = zip(self.over.items(), self.place(index), strict=True)
        return self._with({name: values[number] for (name, values), number in pairs})

    def _with(self, changes: Mapping[str, Any]) -> Request:
        values = self.base.model_dump()
        for name, value in changes.items():
            table = values["sampling"] if name in Sampling.model_fields else values
            table[name] = value
        try:
            return Request.model_validate(values)
        except ValidationError as error:
            message = explain_error(error, Request, lambda path: path[-1])
            raise ValueError(f"over {message}") from None


SWEEPABLE = [
    name
    for name in (*Request.model_fields, *Sampling.model_fields)
    if name not in ("images", "sampling", "guidance_schedule")
]
"""The fields that a sweep can vary."""

OPTIONAL = [
    name
    for name, field in {**Request.model_fields, **Sampling.model_fields}.items()
    if NoneType in get_args(field.annotation)
]
"""The fields that need not have a value."""
