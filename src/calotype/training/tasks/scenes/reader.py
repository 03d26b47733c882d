"""Training the reader of the built-in world, on renderings that are degraded a little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from calotype.checkpoints.files import write_safetensors
from calotype.diffusion import uniform
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.pictures import to_images
from calotype.generate.sheets import contact_sheet
from calotype.scenes.cells import losses
from calotype.scenes.reader import SIZE, Reader, read
from calotype.scenes.reading import ATTRIBUTES, shows
from calotype.settings import Settings
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress, open_source
from calotype.training.task import Loss, Task
from calotype.training.tasks.scenes.degrade import degrade
from calotype.training.tasks.scenes.tables import cell_table, require_scenes

PREVIEW_PICTURES = 64  # pictures read for the preview


class ReaderSettings(Settings):
    """Task reader has no settings of its own."""

    kind: Literal["reader"] = "reader"

    def make(self, settings: RunSettings, report: ReportProgress) -> ReaderTask:
        return ReaderTask(settings, report)


class ReaderTask(Task):
    """The reader trains on renderings of scenes, and never on pictures that a model made."""

    def __init__(self, settings: RunSettings, report: ReportProgress):
        data = require_scenes(settings.data, "task reader")
        if data.size != SIZE:
            raise UserError(f"data.size = {data.size}: task reader takes {SIZE} only")
        self.settings = settings
        self.scenes = data.open()
        self.source = open_source(data, 1, report)
        self.cells = cell_table(settings, data, report)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = self.reader = Reader()

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        known = {"cells": self.cells(indices)}
        return Batch.of(self.source.examples(indices), positions, known)

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        seed, positions = self.settings.seed, batch.positions
        device = self.settings.loop.device
        mirrored = (uniform(seed, positions, "mirror") < 0.5).to(device)[:, None, None, None]
        pictures, wanted = batch.pictures.to(device), batch.known["cells"].to(device)
        pictures = torch.where(mirrored, pictures.flip(-1), pictures)
        wanted = torch.where(mirrored, mirror(wanted), wanted)
        cells, grounds = self.reader(degrade(pictures, seed, positions))
        found = losses(cells, grounds, wanted)
        return Loss(torch.stack([*found.values()]).sum(), found)

    def preview(self) -> Image.Image:
        """The first pictures that are read wrong somewhere; all of them if there is none."""
        examples = self.source.examples(range(min(PREVIEW_PICTURES, len(self.source))))
        pictures = torch.stack([example.picture for example in examples])
        readings = read(self.reader, pictures.to(self.settings.loop.device))
        wrong = [
            index
            for index, reading in enumerate(readings)
            if not shows(reading, self.scenes.scene(index), ATTRIBUTES)
        ]
        return contact_sheet(to_images(pictures[wrong or slice(None)]), columns=8)

    def export(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_safetensors(folder / "reader.safetensors", self.reader.state_dict())


def mirror(wanted: Tensor) -> Tensor:
    """The targets of mirrored pictures."""
    turned = wanted.flip(-1)
    turned[:, 5] = -turned[:, 5]
    return turned
