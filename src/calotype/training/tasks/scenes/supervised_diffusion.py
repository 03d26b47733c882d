"""Training a diffusion model whose features are supervised, which scenes make possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from calotype.example import Batch
from calotype.settings import IDENTITY
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress
from calotype.training.task import Loss
from calotype.training.tasks.diffusion import DiffusionSettings, DiffusionTask
from calotype.training.tasks.scenes.supervision import Supervision
from calotype.training.tasks.scenes.tables import cell_table, require_scenes

CELLS = "cells"  # what it learns, among the things known


class SupervisedDiffusionSettings(DiffusionSettings):
    """The table ``[diffusion]`` with what scenes add to it."""

    supervision_weight: Annotated[float, IDENTITY] = Field(
        default=0.0,
        ge=0,
        description="scenes: weight of the loss of a head that predicts objects and their places "
        "from the UNet's features, which teaches it to use the words; 0: without",
    )

    def make(self, settings: RunSettings, report: ReportProgress) -> DiffusionTask:
        if self.supervision_weight:
            return SupervisedDiffusionTask(self, settings, report)
        return DiffusionTask(self, settings, report)


class SupervisedDiffusionTask(DiffusionTask):
    """Diffusion with a second loss, of a head on the UNet's features; the head is thrown away."""

    def __init__(
        self, own: SupervisedDiffusionSettings, settings: RunSettings, report: ReportProgress
    ):
        setting = f"diffusion.supervision_weight = {own.supervision_weight:g}"
        data = require_scenes(settings.data, setting)
        super().__init__(own, settings, report)
        self.weight = own.supervision_weight
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.supervision = Supervision(self.model.unet).to(settings.loop.device)
        self.network.add_module("supervision", self.supervision)
        self.cells = cell_table(settings, data, report)

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        batch = super().assemble(indices, variants, positions)
        return replace(batch, known={**batch.known, CELLS: self.cells(indices)})

    def loss(self, batch: Batch) -> Loss:
        denoising = self.denoising_loss(batch).mean()
        # After the UNet's pass, whose features the head has kept.
        found = self.supervision(batch.known[CELLS].to(self.settings.loop.device))
        total = denoising + self.weight * torch.stack([*found.values()]).sum()
        return Loss(total, {"denoising": denoising, **found})
