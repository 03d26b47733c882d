"""The table of samplers: each name is a way to walk and the path it has always walked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Sampler:
    """One name of the table.

    function: the generator that walks.
    convention: how its path is laid.
    eta: the share of fresh noise when the request names none; None for a sampler without a share.
    draws: whether one without a share draws noise all the same.
    """

    function: Callable[..., Iterator[Step]]
    convention: Convention
    eta: float | None = None
    draws: bool = False

    def walk(
        self,
        denoise: Denoise,
        x: Tensor,
        sigmas: Tensor,
        noise: NoiseSource,
        eta: float | None = None,
    ) -> Iterator[Step]:
        """Walk x along the noise levels; ``eta`` None is the sampler's own."""
        if self.eta is not None:
            share = self.eta if eta is None else eta
            return self.function(denoise, x, sigmas, noise=noise, eta=share)
        if eta:
            raise UserError(
                f"eta {eta}: this sampler has no share of noise to choose; leave it out"
            )
        return self.function(denoise, x, sigmas, **({"noise": noise} if self.draws else {}))


SAMPLERS = {
    "ddim": Sampler(euler, DDIM, eta=0.0),
    "ddpm": Sampler(euler, DDPM, eta=1.0),
    "plms": Sampler(plms, DDIM),
    "euler": Sampler(euler, K_DIFFUSION, eta=0.0),
    "euler_ancestral": Sampler(euler, K_DIFFUSION, eta=1.0),
    "heun": Sampler(heun, K_DIFFUSION, draws=True),
    "lms": Sampler(lms, K_DIFFUSION),
    "dpm2": Sampler(dpm2, K_DIFFUSION, eta=0.0),
    "dpm2_ancestral": Sampler(dpm2, K_DIFFUSION, eta=1.0),
    "dpm++2s_ancestral": Sampler(dpmpp_2s, K_DIFFUSION, eta=1.0),
    "dpm++2m": Sampler(dpmpp_2m, DPM_SOLVER, eta=0.0),
    "dpm++2m_sde": Sampler(dpmpp_2m, DPM_SOLVER, eta=1.0),
    "dpm++3m_sde": Sampler(dpmpp_3m, K_DIFFUSION, eta=1.0),
    "dpm++sde": Sampler(dpmpp_sde, K_DIFFUSION, eta=1.0),
    "unipc": Sampler(unipc, DPM_SOLVER),
    "deis": Sampler(deis, DEIS),
    "lcm": Sampler(lcm, LCM, draws=True),
    "restart": Sampler(heun, RESTART, draws=True),
}
"""DDPM is DDIM at eta = 1, Euler a is Euler, 2M SDE is 2M, restart Heun: one function each."""

_IN_THE_WEB_UIS = {
    WEB_UI: "euler euler_ancestral heun lms dpm++2s_ancestral dpm++2m dpm++2m_sde dpm++sde",
    SKIPPING: "dpm2 dpm2_ancestral dpm++3m_sde",
}
# With k_ before the name: on the paths of the web UIs, whatever the folder says of its own.
for _convention, _names in _IN_THE_WEB_UIS.items():
    for _name in _names.split():
        SAMPLERS[f"k_{_name}"] = replace(SAMPLERS[_name], convention=_convention)


def sampler(name: str) -> Sampler:
    """The sampler of that name, or an error that names the nearest."""
    if name not in SAMPLERS:
        allowed = ", ".join(SAMPLERS)
        raise UserError(f'sampler "{name}": must be one of {allowed}{nearest(name, SAMPLERS)}')
    return SAMPLERS[name]


def make_path(config: SchedulerConfig, name: str, spacing: str | None, steps: int) -> SigmaPath:
    """The path that the sampler ``name`` walks in ``steps`` steps over a model's schedule.

    spacing: one of SPACINGS, or None for the folder's own, or else the sampler's.
    """
    return convention_path(config, sampler(name).convention, spacing, steps)
