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
    "k_dpm2",
    "k_dpm2_ancestral",
    "k_dpm++2m",
    "k_dpm++2m_sde",
    "k_dpm++3m_sde",
    "k_unipc",
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

WEB_UI: dict[str, SamplerName] = {
    "DDIM": "ddim",
    "DDPM": "ddpm",
    "PLMS": "plms",
    "Euler": "euler",
    "Euler a": "euler_ancestral",
    "Heun": "heun",
    "LMS": "lms",
    "DPM2": "k_dpm2",
    "DPM2 a": "k_dpm2_ancestral",
    "DPM++ 2S a": "dpm++2s_ancestral",
    "DPM++ 2M": "k_dpm++2m",
    "DPM++ 2M SDE": "k_dpm++2m_sde",
    "DPM++ 3M SDE": "k_dpm++3m_sde",
    "DPM++ SDE": "dpm++sde",
    "UniPC": "k_unipc",
    "DEIS": "deis",
    "LCM": "lcm",
    "Restart": "restart",
}
"""AUTOMATIC1111's names, on k-diffusion's paths."""

COMFY: dict[str, SamplerName] = {
    "dpm_2": "k_dpm2",
    "dpm_2_ancestral": "k_dpm2_ancestral",
    "dpmpp_2s_ancestral": "dpm++2s_ancestral",
    "dpmpp_2m": "k_dpm++2m",
    "dpmpp_2m_sde": "k_dpm++2m_sde",
    "dpmpp_2m_sde_gpu": "k_dpm++2m_sde",
    "dpmpp_3m_sde": "dpm++3m_sde",
    "dpmpp_3m_sde_gpu": "dpm++3m_sde",
    "dpmpp_sde": "dpm++sde",
    "dpmpp_sde_gpu": "dpm++sde",
    "uni_pc": "k_unipc",
    "uni_pc_bh2": "k_unipc",
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

TOLD_SAMPLERS: dict[SamplerName, str] = {
    **{ours: theirs for theirs, ours in WEB_UI.items()},
    "dpm2": "DPM2",
    "dpm2_ancestral": "DPM2 a",
    "dpm++2m": "DPM++ 2M",
    "dpm++2m_sde": "DPM++ 2M SDE",
    "dpm++3m_sde": "DPM++ 3M SDE",
    "unipc": "UniPC",
}
"""What the web UIs call each sampler."""

TOLD_SCHEDULES: dict[ScheduleName | None, str] = {
    None: "Automatic",
    "leading": "Leading",
    "trailing": "Trailing",
    "linspace": "Uniform",
    "sgm_uniform": "SGM Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "align_your_steps": "Align Your Steps",
}
"""What the web UIs call each schedule; those that they don't have, by our name."""

SAMPLERS: dict[str, SamplerName] = {**DIFFUSERS, **COMFY, **WEB_UI}
"""Every foreign name of a sampler; ours come before it."""


def named(name: str) -> tuple[str, ScheduleName | None]:
    """Our sampler of that name in any of the programs, and the schedule that the name ends with.

    Older web UIs wrote "DPM++ 2M Karras". An unknown name comes back as it is.
    """
    if name in get_args(SamplerName):
        return name, None
    samplers = {told.lower(): ours for told, ours in SAMPLERS.items()}
    schedules: dict[str, ScheduleName | None] = {
        told.lower(): ours for told, ours in SCHEDULES.items()
    }
    words = name.lower().split(" ")
    for end in range(len(words), 0, -1):
        first, rest = " ".join(words[:end]), " ".join(words[end:])
        if first in samplers and (not rest or rest in schedules):
            return samplers[first], schedules.get(rest)
    return name, None


def schedule_named(name: str) -> str | None:
    """Our schedule of that name in any of the programs; an unknown one comes back as it is."""
    return SCHEDULES.get(name, name)
