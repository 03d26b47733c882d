"""scheduler_config.json of a model, and of an upscaler's small input -> SchedulerConfig."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calotype.diffusion import SchedulerConfig
from calotype.errors import UserError

DEFAULT_MAX_NOISE_LEVEL = 350
"""What diffusers' upscaler takes where its folder names no max_noise_level."""


def scheduler_of(values: Any, where: object) -> SchedulerConfig:
    """The record in the JSON of a scheduler; raises UserError, beginning with ``where``."""
    try:
        if not isinstance(values, dict):
            raise UserError(f"scheduler: expected a JSON object, found {values!r:.50}")
        return SchedulerConfig.from_json(values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def low_res_scheduler_of(values: Any, where: object) -> SchedulerConfig:
    """The same for the noise on an upscaler's small input picture.

    That noise is added and never removed, so ``clip_sample``, which concerns its removal, may have
    any value; it is kept for ``to_json``.
    """
    clipped = {}
    if isinstance(values, dict) and "clip_sample" in values:
        clipped = {"clip_sample": values["clip_sample"]}
        values = {name: value for name, value in values.items() if name != "clip_sample"}
    config = scheduler_of(values, where)
    return replace(config, extra={**config.extra, **clipped})


def max_noise_level_of(value: Any, scheduler: SchedulerConfig, where: object) -> int:
    """The highest timestep at which an upscaler's small input picture is noised."""
    last = scheduler.num_train_timesteps - 1
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= last:
        raise UserError(f"{where}: max_noise_level = {value!r:.50}: must be from 0 to {last}")
    return value
