"""Training the map reader of the built-in world, on renderings that are degraded a little."""

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
from calotype.scenes import SEMANTIC_CLASSES, Scene, render
from calotype.scenes.map_reader import SIZE, MapReader, read_maps
from calotype.scenes.maps import Maps, map_losses
from calotype.settings import Settings
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress, open_source
from calotype.training.task import Loss, Task
from calotype.training.tasks.scenes.degrade import degrade
from calotype.training.tasks.scenes.tables import require_scenes, scene_table

MAPS = 1  # raise when ``pack`` or the maps of renderings change, so that caches know
OBJECT_WEIGHT = 4.0  # of the loss of what is an object, against the others: all else hangs on it
PREVIEW_PICTURES = 16  # pictures in the preview


class MapsSettings(Settings):
    """Task maps has no settings of its own."""

    kind: Literal["maps"] = "maps"

    def make(self, settings: RunSettings, report: ReportProgress) -> MapsTask:
        return MapsTask(settings, report)


class MapsTask(Task):
    """The map reader trains on the maps of renderings, and never on pictures that a model made."""

    def __init__(self, settings: RunSettings, report: ReportProgress):
        data = require_scenes(settings.data, "task maps")
        if data.size != SIZE:
            raise UserError(f"data.size = {data.size}: task maps takes {SIZE} only")
        self.settings = settings
        self.source = open_source(data, 1, report)
        self.maps = scene_table(settings, data, f"maps {MAPS}", _packed_maps, report)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = self.reader = MapReader()

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        known = {"maps": self.maps(indices)}
        return Batch.of(self.source.examples(indices), positions, known)

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        seed, positions = self.settings.seed, batch.positions
        device = self.settings.loop.device
        mirrored = (uniform(seed, positions, "mirror") < 0.5).to(device)[:, None, None]
        pictures, packed = batch.pictures.to(device), batch.known["maps"].to(device)
        pictures = torch.where(mirrored[:, None], pictures.flip(-1), pictures)
        packed = torch.where(mirrored, packed.flip(-1), packed)
        found = map_losses(self.reader(degrade(pictures, seed, positions)), unpack(packed))
        weighted = found | {"object": OBJECT_WEIGHT * found["object"]}
        return Loss(torch.stack([*weighted.values()]).sum(), found)

    def preview(self) -> Image.Image:
        """Rows of pictures, of their semantic maps as they are and as they are read."""
        indices = range(min(PREVIEW_PICTURES, len(self.source)))
        batch = self.assemble(indices, [0] * len(indices), torch.zeros(len(indices)))
        assert batch.pictures is not None
        read = read_maps(self.reader, batch.pictures.to(self.settings.loop.device))
        rows = [batch.pictures, _grey(unpack(batch.known["maps"])), _grey(read)]
        return contact_sheet(to_images(torch.cat(rows)), columns=len(indices))

    def export(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: weight.half() for name, weight in self.reader.state_dict().items()}
        write_safetensors(folder / "maps.safetensors", weights)


def _packed_maps(scenes: Sequence[Scene]) -> Tensor:
    shown = render(scenes, SIZE)
    return pack(Maps(shown.objects, shown.semantic))


def pack(maps: Maps) -> Tensor:
    """Both maps in one of whole numbers (B, H, W), small enough for fp16; ``unpack`` undoes it."""
    return maps.objects.float() * len(SEMANTIC_CLASSES) + maps.semantic


def unpack(packed: Tensor) -> Maps:
    """The maps in what ``pack`` made, (B, H, W)."""
    numbers, classes = packed.to(torch.int8), len(SEMANTIC_CLASSES)
    return Maps(numbers // classes, numbers % classes)


def _grey(maps: Maps) -> Tensor:
    """Semantic maps as grey pictures in [-1, 1]."""
    grey = maps.semantic.cpu().float() / (len(SEMANTIC_CLASSES) - 1) * 2 - 1
    return grey[:, None].expand(-1, 3, -1, -1)
