"""SchedulerConfig: a folder's scheduler_config.json, read and written, never assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import NoneType
from typing import Any

import torch

from calotype.diffusion.prediction import PREDICTIONS, Prediction
from calotype.diffusion.schedule import (
    Schedule,
    cosine,
    linear,
    scaled_linear,
    zero_terminal_snr,
)
from calotype.errors import UserError, nearest

BETA_SCHEDULES = ("scaled_linear", "linear", "squaredcos_cap_v2")
TIMESTEP_SPACINGS = ("leading", "trailing", "linspace")

# What a missing key means, as the classes that the file names understand it.
_WHEN_MISSING = {
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "steps_offset": 0,
}

_TYPES: dict[str, tuple[type, ...]] = {
    "num_train_timesteps": (int,),
    "beta_start": (float, int),
    "beta_end": (float, int),
    "beta_schedule": (str,),
    "trained_betas": (tuple, NoneType),
    "prediction_type": (str,),
    "rescale_betas_zero_snr": (bool,),
    "set_alpha_to_one": (bool,),
    "steps_offset": (int,),
    "timestep_spacing": (str, NoneType),
    "use_karras_sigmas": (bool, NoneType),
}

# Keys that would change the latents in ways not known here: these values alone are accepted.
_ONLY: dict[str, tuple[Any, ...]] = {
    "clip_sample": (False,),
    "thresholding": (False,),
    "use_exponential_sigmas": (False, None),
    "use_beta_sigmas": (False, None),
    "use_lu_lambdas": (False, None),
    "use_flow_sigmas": (False, None),
    "use_dynamic_shifting": (False, None),
    "interpolation_type": ("linear",),
    "timestep_type": ("discrete",),
    "final_sigmas_type": ("zero",),
    "variance_type": ("fixed_small", None),
    "sigma_min": (None,),
    "sigma_max": (None,),
}

# Keys that tune one solver of another program; samplers are chosen by name here. Kept as they are.
_OF_OTHER_SOLVERS = frozenset(
    {
        "algorithm_type",
        "clip_sample_range",
        "disable_corrector",
        "dynamic_thresholding_ratio",
        "euler_at_final",
        "flow_shift",
        "lambda_min_clipped",
        "lower_order_final",
        "original_inference_steps",
        "predict_x0",
        "sample_max_value",
        "skip_prk_steps",
        "solver_order",
        "solver_p",
        "solver_type",
        "time_shift_type",
        "timestep_scaling",
    }
)


@dataclass(frozen=True)
class SchedulerConfig:
    """The noise that a model was trained with, and what its folder says about walking back.

    The defaults are those of Stable Diffusion. timestep_spacing None: the sampler's own. class_name
    and extra: what other programs wrote for themselves, kept so that a folder round-trips.
    """

    num_train_timesteps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: str = "scaled_linear"
    trained_betas: tuple[float, ...] | None = None
    prediction_type: Prediction = "epsilon"
    rescale_betas_zero_snr: bool = False
    set_alpha_to_one: bool = False
    steps_offset: int = 1
    timestep_spacing: str | None = None
    use_karras_sigmas: bool = False
    class_name: str = "DDIMScheduler"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _one_of("beta_schedule", self.beta_schedule, BETA_SCHEDULES)
        _one_of("prediction_type", self.prediction_type, PREDICTIONS)
        if self.timestep_spacing is not None:
            _one_of("timestep_spacing", self.timestep_spacing, TIMESTEP_SPACINGS)
        if self.num_train_timesteps < 2:
            raise UserError(f"num_train_timesteps {self.num_train_timesteps}: must be 2 or more")
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise UserError(
                f"beta_start {self.beta_start}, beta_end {self.beta_end}: "
                "must be above 0, below 1 and not falling"
            )
        if self.trained_betas is not None and len(self.trained_betas) != self.num_train_timesteps:
            raise UserError(
                f"trained_betas: {len(self.trained_betas)} values for "
                f"num_train_timesteps {self.num_train_timesteps}"
            )
        if self.rescale_betas_zero_snr and self.prediction_type == "epsilon":
            # The first input is noise alone, and knowing the noise says nothing about the picture.
            raise UserError(
                'rescale_betas_zero_snr with prediction_type "epsilon": '
                'needs "v_prediction" or "sample"'
            )

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> SchedulerConfig:
        """The record of a scheduler_config.json; every key is used, kept by rule or refused."""
        values = dict(values)
        class_name = values.pop("_class_name", SchedulerConfig.class_name)
        missing: dict[str, Any] = {
            **_WHEN_MISSING,
            "set_alpha_to_one": class_name != "PNDMScheduler",
        }
        ours = {name: _typed(name, values.pop(name)) for name in _TYPES if name in values}
        _refuse_unknown(values)
        values.pop("clip_sample", None)  # to_json says it again
        return SchedulerConfig(**{**missing, **ours}, class_name=class_name, extra=values)

    def to_json(self) -> dict[str, Any]:
        """What scheduler_config.json holds, for this library and for the programs that wrote it."""
        values: dict[str, Any] = {"_class_name": self.class_name}
        values |= {name: getattr(self, name) for name in _TYPES}
        for name in ("timestep_spacing", "use_karras_sigmas", "rescale_betas_zero_snr"):
            if not values[name]:
                del values[name]
        # Without a word, some readers clip latents to [-1, 1].
        return {**values, "clip_sample": False, **self.extra}

    @cached_property
    def schedule(self) -> Schedule:
        """The tables; a last alpha-bar of zero terminal SNR is floored at 1e-12."""
        return self._schedule(zero_snr_floor=1e-12)

    @cached_property
    def schedule_of_others(self) -> Schedule:
        """The tables with diffusers' floor under zero terminal SNR, in all but DDIM and DDPM."""
        return self._schedule(zero_snr_floor=2.0**-24)

    def _schedule(self, zero_snr_floor: float) -> Schedule:
        alphas_cumprod = (1 - self._betas()).cumprod(0)
        if self.rescale_betas_zero_snr:
            alphas_cumprod = zero_terminal_snr(alphas_cumprod, zero_snr_floor)
        return Schedule(alphas_cumprod)

    def _betas(self) -> torch.Tensor:
        if self.trained_betas is not None:
            return torch.tensor(self.trained_betas, dtype=torch.float64)
        if self.beta_schedule == "squaredcos_cap_v2":
            return cosine(self.num_train_timesteps)
        make = {"linear": linear, "scaled_linear": scaled_linear}[self.beta_schedule]
        return make(self.num_train_timesteps, self.beta_start, self.beta_end)


def _typed(name: str, value: Any) -> Any:
    """A value of a file in its field's type; a list as the tuple that a record holds."""
    if isinstance(value, list):
        value = tuple(value)
    kinds = _TYPES[name]
    # JSON's true is no number, though Python's is.
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        allowed = " or ".join(kind.__name__ for kind in kinds)
        raise UserError(f"{name} {value!r}: must be {allowed}")
    return value


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    """Stop at the first key, of those that are not fields, whose meaning would be lost."""
    for name, value in values.items():
        if name in _ONLY:
            if value not in _ONLY[name]:
                raise UserError(f"{name} {value!r}: not supported; only {_ONLY[name][0]!r} is")
        elif name not in _OF_OTHER_SOLVERS and not name.startswith("_"):
            guess = nearest(name, [*_TYPES, *_ONLY, *_OF_OTHER_SOLVERS])
            raise UserError(f'"{name}": not a known key{guess}')


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        guess = nearest(str(value), allowed)
        raise UserError(f'{name} "{value}": must be one of {", ".join(allowed)}{guess}')
