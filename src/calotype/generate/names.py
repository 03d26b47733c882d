"""What other programs call our samplers and schedules; no torch is needed to know."""

from __future__ import annotations

from typing import Literal, get_args

SamplerName = Literal[
    "ddim",
    "ddpm",
    "plms",
    "euler",
    "euler_ancestral",
    "heun",
    "lms",
    "dpm2",
    "dpm2_ancestral",
    "dpm++2s_ancestral",
    "dpm++2m",
    "dpm++2m_sde",
    "dpm++3m_sde",
    "dpm++sde",
    "unipc",
    "deis",
    "lcm",
    "restart",
    "k_euler",
    "k_euler_ancestral",
    "k_heun",
    "k_lms",
    "k_dpm2",
    "k_dpm2_ancestral",
    "k_dpm++2s_ancestral",
    "k_dpm++2m",
    "k_dpm++2m_sde",
    "k_dpm++3m_sde",
    "k_dpm++sde",
]
ScheduleName = Literal[
    "leading",
    "trailing",
    "linspace",
    "sgm_uniform",
    "karras",
    "exponential",
    "align_your_steps",
]

WEB_UI: dict[str, tuple[SamplerName, ScheduleName | None]] = {
    "DDIM": ("ddim", None),
    "DDPM": ("ddpm", None),
    "PLMS": ("plms", None),
    "Euler": ("k_euler", None),
    "Euler a": ("k_euler_ancestral", None),
    "Heun": ("k_heun", None),
    "LMS": ("k_lms", None),
    "DPM2": ("k_dpm2", "karras"),
    "DPM2 a": ("k_dpm2_ancestral", "karras"),
    "DPM++ 2S a": ("k_dpm++2s_ancestral", "karras"),
    "DPM++ 2M": ("k_dpm++2m", "karras"),
    "DPM++ 2M SDE": ("k_dpm++2m_sde", "exponential"),
    "DPM++ 3M SDE": ("k_dpm++3m_sde", "exponential"),
    "DPM++ SDE": ("k_dpm++sde", "karras"),
    "UniPC": ("unipc", None),
    "DEIS": ("deis", None),
    "LCM": ("lcm", None),
    "Restart": ("restart", "karras"),
}
"""AUTOMATIC1111's names, and the schedule that each has there where none is chosen."""

COMFY: dict[str, SamplerName] = {
    "dpm_2": "k_dpm2",
    "dpm_2_ancestral": "k_dpm2_ancestral",
    "dpmpp_2s_ancestral": "k_dpm++2s_ancestral",
    "dpmpp_2m": "k_dpm++2m",
    "dpmpp_2m_sde": "k_dpm++2m_sde",
    "dpmpp_2m_sde_gpu": "k_dpm++2m_sde",
    "dpmpp_3m_sde": "dpm++3m_sde",
    "dpmpp_3m_sde_gpu": "dpm++3m_sde",
    "dpmpp_sde": "k_dpm++sde",
    "dpmpp_sde_gpu": "k_dpm++sde",
    "uni_pc": "unipc",
    "uni_pc_bh2": "unipc",
}
"""ComfyUI's names, where they are not ours."""

DIFFUSERS: dict[str, SamplerName] = {
    "DDIMScheduler": "ddim",
    "DDPMScheduler": "ddpm",
    "PNDMScheduler": "plms",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler_ancestral",
    "HeunDiscreteScheduler": "heun",
    "LMSDiscreteScheduler": "lms",
    "KDPM2DiscreteScheduler": "dpm2",
    "KDPM2AncestralDiscreteScheduler": "dpm2_ancestral",
    "DPMSolverMultistepScheduler": "dpm++2m",
    "DPMSolverSDEScheduler": "dpm++sde",
    "UniPCMultistepScheduler": "unipc",
    "DEISMultistepScheduler": "deis",
    "LCMScheduler": "lcm",
}
"""The classes of diffusers, on their own paths."""

SCHEDULES: dict[str, ScheduleName | None] = {
    "Automatic": None,
    "Uniform": "linspace",
    "Normal": "linspace",
    "normal": "linspace",
    "Karras": "karras",
    "Exponential": "exponential",
    "exponential": "exponential",
    "SGM Uniform": "sgm_uniform",
    "Align Your Steps": "align_your_steps",
    "DDIM": "leading",
    "ddim_uniform": "leading",
}
"""What AUTOMATIC1111 and ComfyUI call our schedules, where it is not what we do."""

WEB_UI_SAMPLERS: dict[SamplerName, str] = {
    **{ours: theirs for theirs, (ours, _) in WEB_UI.items()},
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "lms": "LMS",
    "dpm2": "DPM2",
    "dpm2_ancestral": "DPM2 a",
    "dpm++2s_ancestral": "DPM++ 2S a",
    "dpm++2m": "DPM++ 2M",
    "dpm++2m_sde": "DPM++ 2M SDE",
    "dpm++3m_sde": "DPM++ 3M SDE",
    "dpm++sde": "DPM++ SDE",
}
"""What the web UIs call each sampler."""

WEB_UI_SCHEDULES: dict[ScheduleName, str] = {
    "leading": "Leading",
    "trailing": "Trailing",
    "linspace": "Uniform",
    "sgm_uniform": "SGM Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "align_your_steps": "Align Your Steps",
}
"""What the web UIs call each schedule; those that they don't have, by our name."""

_SAMPLERS: dict[str, tuple[SamplerName, ScheduleName | None]] = {}
for _theirs, _ours in [*DIFFUSERS.items(), *COMFY.items()]:
    _SAMPLERS[_theirs.lower()] = _ours, None
for _theirs, _both in WEB_UI.items():
    _SAMPLERS[_theirs.lower()] = _both


def find_sampler(name: str) -> tuple[str, ScheduleName | None]:
    """Our sampler of that name in any of the programs, and the schedule that goes with the name.

    Older web UIs wrote "DPM++ 2M Karras". An unknown name comes back as it is.
    """
    if name in get_args(SamplerName):
        return name, None
    words = name.lower().split(" ")
    for end in range(len(words), 0, -1):
        first, rest = " ".join(words[:end]), " ".join(words[end:])
        if first in _SAMPLERS and (not rest or rest in _FOLDED):
            sampler, schedule = _SAMPLERS[first]
            return sampler, _FOLDED[rest] if rest else schedule
    return name, None


def find_schedule(name: str) -> str | None:
    """Our schedule of that name in any of the programs; an unknown one comes back as it is."""
    return _FOLDED.get(name.lower(), name)


def web_ui_schedule(sampler: SamplerName, schedule: ScheduleName | None) -> str:
    """What the web UIs call the schedule of a walk; one that no request names, by the sampler."""
    if schedule:
        return WEB_UI_SCHEDULES[schedule]
    if sampler == "restart":
        return "Karras"
    return (
        "Uniform"
        if sampler.removeprefix("k_").startswith(("euler", "heun", "lms", "dpm"))
        else "Automatic"
    )


_FOLDED: dict[str, ScheduleName | None] = {told.lower(): ours for told, ours in SCHEDULES.items()}
