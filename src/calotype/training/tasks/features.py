"""Training the feature network of perceptual losses, on depth and normals of the built-in world."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from calotype.checkpoints.files import write_safetensors
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.pictures import to_images
from calotype.generate.sheets import contact_sheet
from calotype.scenes import Scene, render
from calotype.scenes.features import SHRUNK, FeatureNetwork, surface_losses, surface_targets
from calotype.training.settings import TrainSettings
from calotype.training.sources import ReportProgress, open_source, scene_table
from calotype.training.task import Loss, Task

SURFACES = 1  # raise when the targets change, so that caches know
PREVIEW_PICTURES = 8  # pictures in the preview


class FeaturesTask(Task):
    """The feature network learns surfaces; nobody tells it names, shapes or colours."""

    def __init__(self, settings: TrainSettings, report: ReportProgress):
        data = settings.data
        if data.source != "scenes" or data.size % 8:
            raise UserError(
                'task features needs data.source = "scenes" and a data.size that is a multiple of 8'
            )
        self.settings = settings
        self.source = open_source(data, 8, report)
        self.surfaces = scene_table(settings, f"surfaces {SURFACES}", self._surfaces, report)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = self.features = FeatureNetwork()

    def _surfaces(self, scenes: Sequence[Scene]) -> Tensor:
        return surface_targets(render(scenes, self.settings.data.size).depth)

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        surfaces = torch.from_numpy(self.surfaces[list(indices)]).float()
        return Batch.of(self.source.examples(indices), positions, surfaces)

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        assert batch.targets is not None
        device = self.settings.loop.device
        said = self.features.surfaces(batch.pictures.to(device)).float()
        found = surface_losses(said, batch.targets.to(device))
        return Loss(torch.stack([*found.values()]).sum(), found)

    @torch.inference_mode()
    def preview(self) -> Image.Image:
        """Rows of pictures, of the normals that are seen and of those that are there."""
        batch = self.assemble(
            range(min(PREVIEW_PICTURES, len(self.source))),
            [0] * PREVIEW_PICTURES,
            torch.zeros(PREVIEW_PICTURES),
        )
        assert batch.pictures is not None
        assert batch.targets is not None
        said = self.features.surfaces(batch.pictures.to(self.settings.loop.device)).cpu()
        rows = [batch.pictures, _enlarged(said), _enlarged(batch.targets)]
        return contact_sheet(to_images(torch.cat(rows)), columns=len(batch.pictures))

    def export(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_safetensors(folder / "features.safetensors", self.features.state_dict())


def _enlarged(surfaces: Tensor) -> Tensor:
    """The normals of surfaces as pictures of full size."""
    return torch.nn.functional.interpolate(surfaces[:, 1:], scale_factor=SHRUNK)
