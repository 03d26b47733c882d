"""The settings that runs of all tasks share: pictures, loop and optimiser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from calotype.scenes import ScenesData
from calotype.settings import IDENTITY, Settings
from calotype.training.sources import SourceKind

Decay = Annotated[float, Field(ge=0, lt=1)]
Precision = Literal["auto", "fp32", "bf16"]


class OptimizerSettings(Settings):
    rate: float = Field(default=1e-3, gt=0, description="peak learning rate of AdamW")
    betas: tuple[Decay, Decay] = Field(
        default=(0.9, 0.99), description="decay of AdamW's two moments"
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="decoupled weight decay, matrices only"
    )
    warmup: int = Field(
        default=2_000, ge=0, description="samples over which the rate rises from zero"
    )
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="cosine", description="course of the rate from its peak to floor * rate at the end"
    )
    floor: float = Field(
        default=0.02, ge=0, le=1, description="share of the rate at the end of the run"
    )
    clip: float = Field(
        default=1.0,
        gt=0,
        description="largest norm of the gradient; an adversary's has a norm of its own",
    )


class LoopSettings(Settings):
    samples: int = Field(ge=1, description="samples to see in the whole run")
    batch_size: int = Field(default=16, ge=1, description="samples whose loss is computed together")
    accumulate: int = Field(
        default=1,
        ge=1,
        description="batches an optimiser step: their gradients are averaged over all samples, so "
        "that a step sees batch_size * accumulate of them in the memory of batch_size",
    )
    ema_halflife: Annotated[int, IDENTITY] = Field(
        default=5_000,
        ge=0,
        description="samples after which a weight counts half in the average; 0: no average",
    )
    precision: Precision = Field(
        default="fp32",
        description="arithmetic of the networks; auto: bf16 (autocast) where it is fast, else fp32",
    )
    device: str = Field(
        default="cpu",
        description="where the networks train: cpu, cuda, cuda:1, mps",
    )
    save_every: int = Field(default=10_000, ge=1, description="samples between checkpoints")
    preview_every: int = Field(
        default=10_000, ge=1, description="samples between grids of pictures on disk"
    )
    keep: int = Field(default=2, ge=1, description="newest checkpoints that are kept")

    @field_validator("device")
    @classmethod
    def _check_device(cls, name: str) -> str:
        if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
            raise ValueError("must be cpu, cuda, cuda:1 (or another number) or mps")
        return name


class RunSettings(Settings):
    """What is said of every run, whatever its task."""

    out: Path = Field(description="folder of the run: checkpoints, journal, pictures, model")
    seed: Annotated[int, IDENTITY] = Field(
        default=0, ge=0, lt=2**63, description="seed of weights, order and every draw"
    )
    data: SourceKind = Field(default=ScenesData(), description="the pictures")
    loop: LoopSettings = Field(description="how long, how often")
    optimizer: OptimizerSettings = Field(
        default=OptimizerSettings(), description="how a step is taken"
    )
