"""Training the feature network of perceptual losses, on depth and normals of the built-in world."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from calotype.checkpoints.files import write_safetensors
from calotype.example import Batch
from calotype.generate.pictures import to_images
from calotype.generate.sheets import contact_sheet
from calotype.scenes import Scene, render
from calotype.scenes.features import SHRUNK, FeatureNetwork, surface_losses, surface_targets
from calotype.settings import Settings
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress, open_source
from calotype.training.task import Loss, Task
from calotype.training.tasks.scenes.tables import require_scenes, scene_table

SURFACES = 1  # raise when the targets change, so that caches know
PREVIEW_PICTURES = 8  # pictures in the preview


class FeaturesSettings(Settings):
    """Task features has no settings of its own."""

    kind: Literal["features"] = "features"

    def make(self, settings: RunSettings, report: ReportProgress) -> FeaturesTask:
        return FeaturesTask(settings, report)


class FeaturesTask(Task):
    """The feature network learns surfaces, and no names, shapes or colours."""

    def __init__(self, settings: RunSettings, report: ReportProgress):
        data = require_scenes(settings.data, "task features")
        self.settings = settings
        self.source = open_source(data, 8, report)
        name = f"surfaces {SURFACES}"
        self.surfaces = scene_table(settings, data, name, self._surfaces, report)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = self.features = FeatureNetwork()

    def _surfaces(self, scenes: Sequence[Scene]) -> Tensor:
        return surface_targets(render(scenes, self.settings.data.size).depth)

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        known = {"surfaces": self.surfaces(indices)}
        return Batch.of(self.source.examples(indices), positions, known)

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        device = self.settings.loop.device
        predicted = self.features.surfaces(batch.pictures.to(device)).float()
        found = surface_losses(predicted, batch.known["surfaces"].to(device))
        return Loss(torch.stack([*found.values()]).sum(), found)

    @torch.inference_mode()
    def preview(self) -> Image.Image:
        """Rows of pictures, of their normals as predicted and as they are."""
        batch = self.assemble(
            range(min(PREVIEW_PICTURES, len(self.source))),
            [0] * PREVIEW_PICTURES,
            torch.zeros(PREVIEW_PICTURES),
        )
        assert batch.pictures is not None
        predicted = self.features.surfaces(batch.pictures.to(self.settings.loop.device)).cpu()
        rows = [batch.pictures, _enlarged(predicted), _enlarged(batch.known["surfaces"])]
        return contact_sheet(to_images(torch.cat(rows)), columns=len(batch.pictures))

    def export(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_safetensors(folder / "features.safetensors", self.features.state_dict())


def _enlarged(surfaces: Tensor) -> Tensor:
    """The normals of surfaces as pictures of full size."""
    return torch.nn.functional.interpolate(surfaces[:, 1:], scale_factor=SHRUNK)
