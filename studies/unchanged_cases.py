"""The cases of `unchanged.py`: requests, conversions, cuts of recipes and pictures, as tables.

They hold public names alone, those of request fields, commands and recipe keys, as they are read by
trees old and new. ``{inputs}`` is the folder of tiny models, see `unchanged_models.py`, ``{work}``
that of what a conversion leaves to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Overrides of every recipe that has the key's table: keys as they are or may come to be called (the
# first that the tree's `train --keys` lists is taken), and the value.
OVERRIDES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("data.count",), "64"),
    (("loop.samples",), "64"),
    (("loop.batch_size",), "16"),
    (("loop.save_every",), "32"),
    (("loop.precision",), "fp32"),
    (("diffusion.preview_prompts",), '["a small red cube", "a large blue sphere on grass"]'),
)

STEPS = 5
CUBE = "a small red cube on a wooden floor"
BALL = "a large blue sphere on grass"
LONG = ", ".join([CUBE, BALL] * 5)  # two chunks of 46 tokens
LONGER = ", ".join([CUBE, BALL] * 7)  # three
LONGEST = ", ".join([CUBE, BALL] * 12)  # five
K_SAMPLERS = (
    *("euler", "euler_ancestral", "heun", "lms", "dpm2", "dpm2_ancestral", "dpm++2s_ancestral"),
    *("dpm++2m", "dpm++2m_sde", "dpm++3m_sde", "dpm++sde"),
)
SAMPLERS = (
    *("ddim", "ddpm", "plms", "unipc", "deis", "lcm", "restart", *K_SAMPLERS),
    *(f"k_{name}" for name in K_SAMPLERS),
)
SCHEDULES = (
    *("leading", "trailing", "linspace", "sgm_uniform"),
    *("karras", "exponential", "align_your_steps"),
)
MODELS = ("epsilon", "v", "sample", "zero", "pixel")  # see unchanged_models.py


@dataclass(frozen=True)
class Case:
    """One request.

    request: the record's fields. sampling: those of its sampler. over: of a sweep.
    """

    request: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    model: str = "scenes"
    batch_size: int | None = None
    deterministic: bool = True
    over: Mapping[str, Any] = field(default_factory=dict)


WORDED = {
    "no prompt": "",
    "editing": "a [red:blue:0.5] cube on [grass|sand]",
    "added and removed": "a cube [on grass:2] [on sand::0.4]",
    "AND": f"{CUBE} AND {BALL} :0.6 AND a cone :-0.3",
    "weights": "a (red:1.4) cube on ((wooden)) floor, [grass]",
}
TWO: dict[str, Any] = {"batch_size": 2, "deterministic": False}
BOTH_LONG = {"prompt": LONG, "negative_prompt": LONG.replace("red", "green")}

REQUESTS = {
    **{f"sampler {name}": Case(sampling={"sampler": name}) for name in SAMPLERS},
    **{
        f"schedule {name}, {sampler}": Case(sampling={"sampler": sampler, "schedule": name})
        for name in SCHEDULES
        for sampler in ("euler", "dpm++2m")
    },
    **{
        f"model {model}, {sampler}": Case(model=model, sampling={"sampler": sampler})
        for model in MODELS
        for sampler in ("ddim", "plms", "euler_ancestral", "unipc")
    },
    **{f"prompt: {name}": Case({"prompt": text}) for name, text in WORDED.items()},
    **{
        f"weighting {name}": Case({"prompt": WORDED["weights"], "weighting": name})
        for name in ("a1111", "comfy", "none")
    },
    "prompt: BREAK": Case({"prompt": f"{CUBE} BREAK {BALL}", "negative_prompt": f"{BALL} BREAK a"}),
    "prompt: long": Case({"prompt": LONG}, {"guidance_scale": 1}),
    "prompt: long, weights": Case({"prompt": f"(red:1.3), {LONG}"}, {"guidance_scale": 1}),
    "prompt: long, negative as long": Case(BOTH_LONG),
    "negative prompt": Case({"negative_prompt": "a [green:blue:0.5] (cone:1.2)"}),
    "clip skip 2": Case({"clip_skip": 2}),
    "clip skip 3, epsilon": Case({"clip_skip": 3}, model="epsilon"),
    "variations": Case({"images": 2}, {"variation_strength": 0.3, "variation_seed": 9}),
    "guidance 0": Case(sampling={"guidance_scale": 0}),
    "guidance rescale": Case(sampling={"guidance_rescale": 0.7}),
    "guidance rescale, AND": Case({"prompt": WORDED["AND"]}, {"guidance_rescale": 0.7}),
    "guidance interval": Case(sampling={"guidance_start": 0.3, "guidance_end": 0.8}),
    "guidance schedule": Case(sampling={"guidance_schedule": [1, 7, 3]}),
    "threshold": Case(sampling={"threshold": 0.9}),
    "threshold, pixel": Case(sampling={"threshold": 0.995}, model="pixel"),
    "eta": Case(sampling={"sampler": "ddim", "eta": 0.5}),
    "noise torch": Case({"images": 2}, {"noise": "torch", "sampler": "euler_ancestral"}),
    "noise nv": Case({"images": 2}, {"noise": "nv", "sampler": "euler_ancestral"}),
    "size": Case({"width": 96, "height": 160}),
    "size, v": Case({"width": 24, "height": 20}, model="v"),
    "several prompts": Case({"prompt": [CUBE, BALL, ""], "images": 2}, {"steps": 3}),
    "batch of 2": Case({"prompt": [CUBE, BALL]}, **TWO),
    "batch of 2, ancestral": Case({"images": 2}, {"sampler": "euler_ancestral"}, **TWO),
    "batch of 2, SDE": Case({"prompt": [CUBE, BALL]}, {"sampler": "dpm++sde"}, **TWO),
    "batch of 2, editing": Case({"prompt": [WORDED["editing"], CUBE]}, **TWO),
    "batch of 2, AND": Case({"prompt": [WORDED["AND"], CUBE]}, **TWO),
    "batch of 2, long": Case(BOTH_LONG | {"prompt": [LONG, LONG.replace("on", "in")]}, **TWO),
    "batches as they suit": Case({"images": 3}, deterministic=False, model="v"),
    "sweep": Case(over={"guidance_scale": [2, 6], "sampler": ["ddim", "k_dpm++2m"]}),
    "sweep in batches": Case(over={"prompt": [CUBE, BALL], "seed": [1, 5]}, **TWO),
    "unequal: long, no negative": Case({"prompt": LONG}),
    "unequal: 2 and 3 chunks": Case(BOTH_LONG | {"prompt": LONGER}),
    "unequal: 3 and 5 chunks": Case({"prompt": LONGEST, "negative_prompt": LONGER}),
    "unequal: batch of 1 and 2": Case({"prompt": [CUBE, LONG]}, **TWO),
    "unequal: batch of 2 and 3": Case({"prompt": [LONG, LONGER]}, **TWO),
}
"""The requests by name. Where it begins with "unequal", texts of unequal chunk counts meet in one
call of the network, which may change."""

CONVERSIONS: dict[str, tuple[str, ...]] = {
    "epsilon: folder to file": ("{inputs}/epsilon", "{work}/epsilon.safetensors"),
    "epsilon: file to folder": ("{work}/epsilon.safetensors", "{work}/epsilon"),
    "epsilon: folder to folder, fp16": ("{inputs}/epsilon", "{work}/half", "--dtype", "fp16"),
    "epsilon: folder to file, bf16": ("{inputs}/epsilon", "{work}/b.safetensors", "--dtype=bf16"),
    "v: folder to file": ("{inputs}/v", "{work}/v.safetensors"),
    "v: file to folder": ("{work}/v.safetensors", "{work}/v"),
    "v: the other autoencoder": ("{inputs}/v", "{work}/v2", "--vae", "{inputs}/vae.ckpt"),
    "trained file to folder": ("{inputs}/trained.safetensors", "{work}/trained"),
    "trained file to folder, averages": ("{inputs}/trained.safetensors", "{work}/mean", "--ema"),
    "pickles in a folder to folder": ("{inputs}/pickled", "{work}/pickled"),
    "pixel: folder to file": ("{inputs}/pixel", "{work}/pixel.safetensors"),
    "pixel: file to folder": ("{work}/pixel.safetensors", "{work}/pixel"),
    "KL alone: folder to file": ("{inputs}/epsilon/vae", "{work}/vae.safetensors"),
    "KL alone: file to folder": ("{work}/vae.safetensors", "{work}/vae"),
    "KL alone: pickle to folder": ("{inputs}/vae.ckpt", "{work}/vae-ckpt"),
    "VQ alone: folder to file": ("{inputs}/vq", "{work}/vq.safetensors"),
    "VQ alone: file to folder": ("{work}/vq.safetensors", "{work}/vq"),
    "VQ alone: pickle to file": ("{inputs}/vq.ckpt", "{work}/vq-ckpt.safetensors"),
    "scenes: folder to file, fp32": ("scenes", "{work}/s.safetensors", "--dtype", "fp32"),
}


SHOTS: dict[str, tuple[str, ...]] = {
    "scenes": (CUBE,),
    "ancestral, edited": ("a [red:blue:0.5] cube", "--sampler", "Euler a", "--seed", "11"),
    "variation": (CUBE, "--variation-strength", "0.4", "--guidance-rescale", "0.5"),
    "long, noise of torch": (LONG, "--noise", "torch", "--guidance-scale", "1"),
    "second of two": (CUBE, "--images", "2", "--negative-prompt", BALL),
    "clip skip, schedule": (CUBE, "--clip-skip", "2", "--schedule", "karras"),
    "epsilon": (CUBE, "--model", "{inputs}/epsilon", "--sampler", "plms"),
    "zero": (CUBE, "--model", "{inputs}/zero", "--noise", "nv"),
}
