"""The names of samplers and schedules, ours and those of other programs; no torch is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

ScheduleName = Literal[
    "leading",
    "trailing",
    "linspace",
    "sgm_uniform",
    "karras",
    "exponential",
    "align_your_steps",
]


@dataclass(frozen=True)
class SamplerNames:
    """The names of one sampler.

    ours: the name here. diffusers: the class with the same path.
    web_ui: AUTOMATIC1111's name. schedule: the one that goes with that name if none is chosen.
    comfy: ComfyUI's names, if they are not ours.
    k: whether the web UIs use another path than diffusers. If so, the sampler "k_" + ours uses it,
        and the web UIs' names mean that one.
    comfy_k: whether ComfyUI's names mean it too.
    """

    ours: str
    web_ui: str
    diffusers: str = ""
    schedule: ScheduleName | None = None
    comfy: tuple[str, ...] = ()
    k: bool = False
    comfy_k: bool = True

    @property
    def on_web_ui_path(self) -> str:
        """Our name of the sampler that the web UIs' name means."""
        return f"k_{self.ours}" if self.k else self.ours


TABLE = (
    SamplerNames("ddim", "DDIM", "DDIMScheduler"),
    SamplerNames("ddpm", "DDPM", "DDPMScheduler"),
    SamplerNames("plms", "PLMS", "PNDMScheduler"),
    SamplerNames("euler", "Euler", "EulerDiscreteScheduler", k=True),
    SamplerNames("euler_ancestral", "Euler a", "EulerAncestralDiscreteScheduler", k=True),
    SamplerNames("heun", "Heun", "HeunDiscreteScheduler", k=True),
    SamplerNames("lms", "LMS", "LMSDiscreteScheduler", k=True),
    SamplerNames("dpm2", "DPM2", "KDPM2DiscreteScheduler", "karras", ("dpm_2",), k=True),
    SamplerNames(
        "dpm2_ancestral",
        "DPM2 a",
        "KDPM2AncestralDiscreteScheduler",
        "karras",
        ("dpm_2_ancestral",),
        k=True,
    ),
    SamplerNames("dpm++2s_ancestral", "DPM++ 2S a", "", "karras", ("dpmpp_2s_ancestral",), k=True),
    SamplerNames(
        "dpm++2m", "DPM++ 2M", "DPMSolverMultistepScheduler", "karras", ("dpmpp_2m",), k=True
    ),
    SamplerNames(
        "dpm++2m_sde",
        "DPM++ 2M SDE",
        "",
        "exponential",
        ("dpmpp_2m_sde", "dpmpp_2m_sde_gpu"),
        k=True,
    ),
    SamplerNames(
        "dpm++3m_sde",
        "DPM++ 3M SDE",
        "",
        "exponential",
        ("dpmpp_3m_sde", "dpmpp_3m_sde_gpu"),
        k=True,
        comfy_k=False,
    ),
    SamplerNames(
        "dpm++sde",
        "DPM++ SDE",
        "DPMSolverSDEScheduler",
        "karras",
        ("dpmpp_sde", "dpmpp_sde_gpu"),
        k=True,
    ),
    SamplerNames("unipc", "UniPC", "UniPCMultistepScheduler", comfy=("uni_pc", "uni_pc_bh2")),
    SamplerNames("deis", "DEIS", "DEISMultistepScheduler"),
    SamplerNames("lcm", "LCM", "LCMScheduler"),
    SamplerNames("restart", "Restart", schedule="karras"),
)
"""One row a sampler; ``sampling.samplers`` has the functions under the same names."""

NAMES = (*(row.ours for row in TABLE), *(f"k_{row.ours}" for row in TABLE if row.k))

if TYPE_CHECKING:
    SamplerName = str
else:
    SamplerName = Literal[*NAMES]

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
"""Our schedules by AUTOMATIC1111's and ComfyUI's names, if they are not ours."""

WEB_UI_SCHEDULES: dict[ScheduleName, str] = {
    "leading": "Leading",
    "trailing": "Trailing",
    "linspace": "Uniform",
    "sgm_uniform": "SGM Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "align_your_steps": "Align Your Steps",
}
"""The web UIs' names of our schedules; ours for those that they don't have."""

WEB_UI_SAMPLERS = {name: row.web_ui for row in TABLE for name in (row.ours, row.on_web_ui_path)}
"""The web UIs' names of our samplers."""

_OTHERS: dict[str, tuple[str, ScheduleName | None]] = {}
for _row in TABLE:
    if _row.diffusers:
        _OTHERS[_row.diffusers.lower()] = _row.ours, None
    for _name in _row.comfy:
        _OTHERS[_name] = (_row.on_web_ui_path if _row.comfy_k else _row.ours), None
    _OTHERS[_row.web_ui.lower()] = _row.on_web_ui_path, _row.schedule


def web_ui_default(name: str) -> ScheduleName | None:
    """The schedule that goes with a sampler's name in AUTOMATIC1111's web UI if none is chosen."""
    return next((row.schedule for row in TABLE if row.web_ui == name), None)


def find_sampler(name: str) -> tuple[str, ScheduleName | None]:
    """Our sampler for a name in any program, and the schedule that goes with the name.

    Older web UIs wrote "DPM++ 2M Karras". An unknown name is returned unchanged.
    """
    if name in NAMES:
        return name, None
    words = name.lower().split(" ")
    for end in range(len(words), 0, -1):
        first, rest = " ".join(words[:end]), " ".join(words[end:])
        if first in _OTHERS and (not rest or rest in _FOLDED):
            sampler, schedule = _OTHERS[first]
            return sampler, _FOLDED[rest] if rest else schedule
    return name, None


def find_schedule(name: str) -> str | None:
    """Our schedule for a name in any program; an unknown name is returned unchanged."""
    return _FOLDED.get(name.lower(), name)


def web_ui_schedule(sampler: str, schedule: ScheduleName | None) -> str:
    """The web UIs' name of a schedule; of None, the one that they use with the sampler."""
    if schedule:
        return WEB_UI_SCHEDULES[schedule]
    if sampler == "restart":
        return "Karras"
    return (
        "Uniform"
        if sampler.removeprefix("k_").startswith(("euler", "heun", "lms", "dpm"))
        else "Automatic"
    )


_FOLDED: dict[str, ScheduleName | None] = {
    theirs.lower(): ours for theirs, ours in SCHEDULES.items()
}
