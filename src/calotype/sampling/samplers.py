"""The table of samplers: each name is a function that walks, and the path that goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from torch import Tensor

from calotype.diffusion import SchedulerConfig
from calotype.errors import UserError, nearest
from calotype.sampling.adams import deis, lms, plms
from calotype.sampling.euler import euler, lcm
from calotype.sampling.heun import heun
from calotype.sampling.multistep import dpmpp_2m, dpmpp_3m
from calotype.sampling.sigmas import (
    DDIM,
    DDPM,
    DEIS,
    DPM_SOLVER,
    K_DIFFUSION,
    LCM,
    RESTART,
    SKIPPING,
    WEB_UI,
    Convention,
    SigmaPath,
    convention_path,
)
from calotype.sampling.singlestep import dpm2, dpmpp_2s, dpmpp_sde
from calotype.sampling.step import Denoise, NoiseSource, Step
from calotype.sampling.unipc import unipc


class BoundSampler(Protocol):
    """A bound sampler: it takes x down the noise levels and yields every step."""

    def __call__(
        self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, noise: NoiseSource
    ) -> Iterator[Step]: ...


@dataclass(frozen=True)
class Sampler:
    """One name of the table.

    function: the generator that walks.
    convention: how its path is made.
    eta: the default share of fresh noise; None for a sampler that has no such share.
    draws: whether a sampler without a share draws noise all the same.
    web_ui: how the web UIs make its path, whatever the model's folder says.
    """

    function: Callable[..., Iterator[Step]]
    convention: Convention
    eta: float | None = None
    draws: bool = False
    web_ui: Convention | None = None

    def bind(self, eta: float | None = None) -> BoundSampler:
        """The sampler as a function, with its share of noise set; ``eta`` None is the default.

        Raises UserError for an eta above 0 where the sampler has no share to choose.
        """
        if self.eta is not None:
            return partial(self.function, eta=self.eta if eta is None else eta)
        if eta:
            raise UserError(
                f"eta {eta}: this sampler has no share of noise to choose; leave it out"
            )
        if self.draws:
            return self.function
        return lambda denoise, x, sigmas, *, noise: self.function(denoise, x, sigmas)


SAMPLERS = {
    "ddim": Sampler(euler, DDIM, eta=0.0),
    "ddpm": Sampler(euler, DDPM, eta=1.0),
    "plms": Sampler(plms, DDIM),
    "euler": Sampler(euler, K_DIFFUSION, eta=0.0, web_ui=WEB_UI),
    "euler_ancestral": Sampler(euler, K_DIFFUSION, eta=1.0, web_ui=WEB_UI),
    "heun": Sampler(heun, K_DIFFUSION, draws=True, web_ui=WEB_UI),
    "lms": Sampler(lms, K_DIFFUSION, web_ui=WEB_UI),
    "dpm2": Sampler(dpm2, K_DIFFUSION, eta=0.0, web_ui=SKIPPING),
    "dpm2_ancestral": Sampler(dpm2, K_DIFFUSION, eta=1.0, web_ui=SKIPPING),
    "dpm++2s_ancestral": Sampler(dpmpp_2s, K_DIFFUSION, eta=1.0, web_ui=WEB_UI),
    "dpm++2m": Sampler(dpmpp_2m, DPM_SOLVER, eta=0.0, web_ui=WEB_UI),
    "dpm++2m_sde": Sampler(dpmpp_2m, DPM_SOLVER, eta=1.0, web_ui=WEB_UI),
    "dpm++3m_sde": Sampler(dpmpp_3m, K_DIFFUSION, eta=1.0, web_ui=SKIPPING),
    "dpm++sde": Sampler(dpmpp_sde, K_DIFFUSION, eta=1.0, web_ui=WEB_UI),
    "unipc": Sampler(unipc, DPM_SOLVER),
    "deis": Sampler(deis, DEIS),
    "lcm": Sampler(lcm, LCM, draws=True),
    "restart": Sampler(heun, RESTART, draws=True),
}
"""By name. DDPM is DDIM at eta = 1, Euler a is Euler, 2M SDE is 2M, restart is Heun's method.

A row with ``web_ui`` is in the table twice: as "k_" + name it takes the web UIs' path.
"""


for _name, _row in [*SAMPLERS.items()]:
    if _row.web_ui:
        SAMPLERS[f"k_{_name}"] = replace(_row, convention=_row.web_ui, web_ui=None)


def sampler(name: str) -> Sampler:
    """The sampler of that name; UserError, with the nearest name, if there is none."""
    if name not in SAMPLERS:
        allowed = ", ".join(SAMPLERS)
        raise UserError(f'sampler "{name}": must be one of {allowed}{nearest(name, SAMPLERS)}')
    return SAMPLERS[name]


def make_path(config: SchedulerConfig, name: str, spacing: str | None, steps: int) -> SigmaPath:
    """The path of the sampler ``name`` in ``steps`` steps over a model's schedule.

    spacing: one of SPACINGS, or None for the folder's own, or else the sampler's.
    """
    return convention_path(config, sampler(name).convention, spacing, steps)
