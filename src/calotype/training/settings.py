"""The settings of a training run: every key that a recipe may hold, with its meaning."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from calotype.scenes import Split
from calotype.settings import Settings
from calotype.training.precision import Precision
from calotype.training.task_settings import (
    AutoencoderSettings,
    DiffusionSettings,
    TextSettings,
)

Objects = Annotated[int, Field(ge=1, le=3)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class DataSettings(Settings):
    source: str = Field(
        default="scenes", description='"scenes" or a folder of pictures with .txt captions'
    )
    channels: int = Field(
        default=3,
        ge=1,
        description="channels of a folder's pictures: 3 colour, 1 grey, others in .npy arrays",
    )
    count: int = Field(default=10_000, ge=1, description="scenes: how many different ones")
    size: int = Field(default=128, ge=8, le=2048, description="side of the square pictures, pixels")
    objects: tuple[Objects, Objects] = Field(
        default=(1, 2), description="scenes: fewest and most objects"
    )
    seed: int = Field(default=1, ge=0, lt=2**64, description="scenes: seed of the collection")
    split: Split = Field(
        default="train",
        description="scenes: train has no held-out pair of colour and shape, held_out one, all any",
    )
    object_weight: float = Field(
        default=4.0,
        ge=1,
        le=15,
        description="scenes: loss weight of an object's pixels; the ground has 1",
    )
    plain_captions: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="scenes: share of captions in one fixed wording, the others in many",
    )
    cache: Path | None = Field(
        default=None,
        description="folder where pictures and latents are kept once computed; "
        "none: latents in the run's own folder, pictures in no file",
    )
    workers: int = Field(
        default=0, ge=0, le=64, description="processes that assemble batches ahead"
    )

    @model_validator(mode="after")
    def _check_objects(self) -> Self:
        if self.objects[0] > self.objects[1]:
            raise ValueError(f"objects = {list(self.objects)}: the smaller number comes first")
        return self


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
        default=0.02, ge=0, le=1, description="share of the rate that is left at the end"
    )
    clip: float = Field(
        default=1.0, gt=0, description="largest norm of the gradient, an adversary's by itself"
    )


class LoopSettings(Settings):
    samples: int = Field(ge=1, description="samples to see in the whole run")
    batch_size: int = Field(default=16, ge=1, description="samples an optimiser step")
    ema_halflife: int = Field(
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


class TrainSettings(Settings):
    """A training run."""

    task: Literal["autoencoder", "text", "diffusion", "reader", "maps", "features"] = Field(
        description="what is trained"
    )
    out: Path = Field(description="folder of the run: checkpoints, journal, pictures, model")
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="seed of weights, order and every draw"
    )
    data: DataSettings = Field(default=DataSettings(), description="the pictures")
    loop: LoopSettings = Field(description="how long, how often")
    optimizer: OptimizerSettings = Field(
        default=OptimizerSettings(), description="how a step is taken"
    )
    autoencoder: AutoencoderSettings | None = Field(
        default=None, description="for task autoencoder"
    )
    text: TextSettings | None = Field(default=None, description="for task text")
    diffusion: DiffusionSettings | None = Field(default=None, description="for task diffusion")

    @model_validator(mode="after")
    def _check_supervision(self) -> Self:
        weight = self.diffusion.supervision_weight if self.diffusion else 0
        if weight and self.data.source != "scenes":
            raise ValueError(
                f"diffusion.supervision_weight = {weight:g}: only of scenes is it known what is "
                f'in them, and data.source = "{self.data.source}"'
            )
        return self

    @model_validator(mode="after")
    def _check_zero_terminal_snr(self) -> Self:
        own = self.diffusion
        if own and own.zero_terminal_snr and own.prediction == "epsilon":
            raise ValueError(
                'diffusion.zero_terminal_snr = true with diffusion.prediction = "epsilon": of '
                'noise alone it tells nothing; use "v_prediction" or "sample"'
            )
        return self
