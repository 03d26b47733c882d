"""The table of samplers: each name is a way to walk and the path it has always walked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from calotype.diffusion import SchedulerConfig
from calotype.errors import UserError, nearest
from calotype.sampling.euler import euler
from calotype.sampling.heun import heun
from calotype.sampling.multistep import dpmpp_2m
from calotype.sampling.sigmas import DDIM, DDPM, DPM_SOLVER, K_DIFFUSION, Convention, Path, lay
from calotype.sampling.step import Denoise, NoiseSource, Step


@dataclass(frozen=True)
class Sampler:
    """One name of the table.

    function: the generator that walks.
    convention: how its path is laid.
    eta: the share of fresh noise when the request names none; None for a sampler that draws none.
    """

    function: Callable[..., Iterator[Step]]
    convention: Convention
    eta: float | None = None

    def walk(
        self,
        denoise: Denoise,
        x: Tensor,
        sigmas: Tensor,
        noise: NoiseSource,
        eta: float | None = None,
    ) -> Iterator[Step]:
        """Walk x down the noise levels; ``eta`` None is the sampler's own."""
        if self.eta is None:
            if eta:
                raise UserError(f"eta {eta}: this sampler draws no noise; leave it out")
            return self.function(denoise, x, sigmas)
        return self.function(denoise, x, sigmas, noise=noise, eta=self.eta if eta is None else eta)


SAMPLERS = {
    "ddim": Sampler(euler, DDIM, eta=0.0),
    "ddpm": Sampler(euler, DDPM, eta=1.0),
    "euler": Sampler(euler, K_DIFFUSION, eta=0.0),
    "euler_ancestral": Sampler(euler, K_DIFFUSION, eta=1.0),
    "heun": Sampler(heun, K_DIFFUSION),
    "dpm++2m": Sampler(dpmpp_2m, DPM_SOLVER),
}


def sampler(name: str) -> Sampler:
    """The sampler of that name, or an error that names the nearest."""
    if name not in SAMPLERS:
        allowed = ", ".join(SAMPLERS)
        raise UserError(f'sampler "{name}": must be one of {allowed}{nearest(name, SAMPLERS)}')
    return SAMPLERS[name]


def path(config: SchedulerConfig, name: str, spacing: str | None, steps: int) -> Path:
    """The path that the sampler ``name`` walks in ``steps`` steps over a model's schedule.

    spacing: one of SPACINGS, or None for the folder's own, or else the sampler's.
    """
    return lay(config, sampler(name).convention, spacing, steps)
