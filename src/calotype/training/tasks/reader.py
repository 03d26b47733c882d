"""Training the reader of the built-in world, on renderings that are then spoiled a little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from calotype.checkpoints.files import write_safetensors
from calotype.diffusion import uniform
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.pictures import contact_sheet, to_images
from calotype.scenes.cells import losses
from calotype.scenes.reader import SIZE, Reader, read
from calotype.scenes.reading import ATTRIBUTES, shows
from calotype.training.settings import TrainSettings
from calotype.training.sources import ReportProgress, open_source, reading_table, scenes_of
from calotype.training.spoiling import spoil
from calotype.training.task import Loss, Task

PREVIEW_PICTURES = 64  # pictures read for the preview


class ReaderTask(Task):
    """The reader trains on what scenes are; it never sees what a model makes of them."""

    def __init__(self, settings: TrainSettings, report: ReportProgress):
        if settings.data.source != "scenes" or settings.data.size != SIZE:
            raise UserError(f'task reader reads data.source = "scenes" at data.size = {SIZE} only')
        self.settings = settings
        self.scenes = scenes_of(settings.data)
        self.source = open_source(settings.data, 1, report)
        self.targets = reading_table(settings, report)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = self.reader = Reader()

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        wanted = torch.from_numpy(self.targets[list(indices)]).float()
        return Batch.of(self.source.examples(indices), positions, wanted)

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        assert batch.targets is not None
        seed, positions = self.settings.seed, batch.positions
        device = self.settings.loop.device
        mirrored = (uniform(seed, positions, "mirror") < 0.5).to(device)[:, None, None, None]
        pictures, wanted = batch.pictures.to(device), batch.targets.to(device)
        pictures = torch.where(mirrored, pictures.flip(-1), pictures)
        wanted = torch.where(mirrored, mirror(wanted), wanted)
        cells, grounds = self.reader(spoil(pictures, seed, positions))
        found = losses(cells, grounds, wanted)
        return Loss(torch.stack([*found.values()]).sum(), found)

    def preview(self) -> Image.Image:
        """The first pictures that are not wholly read right; all of them if there is none."""
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
