"""How well does the map reader read? Intersection over union on held-out renderings.

    python studies/maps.py --count 500 --sheet maps.png

Of renderings as they are and after an autoencoder's round trip: the mean IoU of their objects, told
apart and matched one to one, and the IoU of each shape and each ground over all pixels. The sheet
holds, row by row: pictures, their true semantic maps, those read, the true objects and those read.
"""

import argparse
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

import calotype
from calotype.evaluation.intervals import Mean
from calotype.evaluation.reconstruction import round_trip
from calotype.evaluation.scenes.evaluate import BATCH_SIZE, RENDERING_SEED
from calotype.evaluation.scenes.judge import load_map_reader
from calotype.evaluation.scenes.maps import class_ious, object_ious
from calotype.generate.pictures import to_images
from calotype.generate.sheets import contact_sheet
from calotype.model import LatentDiffusion
from calotype.scenes import GROUNDS, SEMANTIC_CLASSES, SHAPES, Rendering, SceneSource, render
from calotype.scenes.map_reader import SIZE, MapReader, read_maps
from calotype.scenes.maps import Maps

SHOWN = 12  # pictures on the sheet

# Of the semantic classes, in their order; of no object and the first three.
SEMANTIC_COLOURS = torch.tensor(
    [
        *((120, 80, 40), (90, 90, 90), (200, 180, 120), (40, 110, 40), (150, 160, 170)),
        *((230, 60, 60), (70, 110, 240), (250, 210, 40), (190, 70, 220)),
    ]
)
OBJECT_COLOURS = torch.tensor([(0, 0, 0), (230, 60, 60), (70, 110, 240), (250, 210, 40)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="scenes", help="name or folder")
    parser.add_argument("--count", type=int, default=500, help="renderings")
    parser.add_argument("--sheet", type=Path, help="picture file to write")
    arguments = parser.parse_args()
    truth, plain, decoded = measure(
        calotype.load(arguments.model), load_map_reader(), arguments.count
    )
    print(f"{arguments.count} renderings of one to three objects, seed {RENDERING_SEED}")
    print_table({"as they are": plain, "after the autoencoder": decoded}, truth)
    if arguments.sheet:
        sheet(truth, plain).save(arguments.sheet)


def measure(model: LatentDiffusion, reader: MapReader, count: int) -> tuple[Rendering, Maps, Maps]:
    """Renderings, their maps as read, and as read after the autoencoder."""
    source = SceneSource(RENDERING_SEED, count, objects=(1, 3), split="all")
    truth = render([source.scene(index) for index in range(count)], SIZE)
    parts = truth.pictures.split(BATCH_SIZE)
    plain = join([read_maps(reader, part) for part in parts])
    decoded = join([read_maps(reader, round_trip(model.autoencoder, part)) for part in parts])
    return truth, plain, decoded


def join(parts: list[Maps]) -> Maps:
    return Maps(
        torch.cat([part.objects for part in parts]), torch.cat([part.semantic for part in parts])
    )


def print_table(read: dict[str, Maps], truth: Rendering) -> None:
    """The means with their intervals and counts, then every class."""
    print(f"{'':24}" + "".join(f"{name:>24}" for name in read))
    objects = {name: Mean(matched(maps.objects, truth.objects)) for name, maps in read.items()}
    cells = [with_interval(mean) for mean in objects.values()]
    print(f"{'objects, each':24}" + "".join(f"{cell:>24}" for cell in cells))
    counts = [str(len(mean.values)) for mean in objects.values()]
    print(f"{'  how many':24}" + "".join(f"{cell:>24}" for cell in counts))
    for title, names in {"shapes": SHAPES, "grounds": GROUNDS}.items():
        numbers = [SEMANTIC_CLASSES.index(name) for name in names]
        found = [class_ious(maps.semantic, truth.semantic, numbers) for maps in read.values()]
        means = [fmean(ious.values()) for ious in found]
        print(f"{title + ', mean':24}" + "".join(f"{mean:24.4f}" for mean in means))
        for name, number in zip(names, numbers, strict=True):
            print(f"{'  ' + name:24}" + "".join(f"{ious[number]:24.4f}" for ious in found))


def matched(found: Tensor, wanted: Tensor) -> list[float]:
    pairs = zip(found, wanted, strict=True)
    return [iou for pair in pairs for iou in object_ious(*pair)]


def with_interval(mean: Mean) -> str:
    low, high = mean.interval or (mean.value, mean.value)
    return f"{mean.value:.4f} ({low:.4f}-{high:.4f})"


def sheet(truth: Rendering, read: Maps):
    """Pictures over their maps; the objects' numbers, and so their colours, may differ."""
    rows = [truth.pictures[:SHOWN]]
    for maps in (truth, read):
        rows.append(coloured(maps.semantic[:SHOWN], SEMANTIC_COLOURS))
    for maps in (truth, read):
        rows.append(coloured(maps.objects[:SHOWN], OBJECT_COLOURS))
    return contact_sheet(to_images(torch.cat(rows)), columns=len(rows[0]))


def coloured(numbers: Tensor, colours: Tensor) -> Tensor:
    """A map (B, H, W) as pictures (B, 3, H, W) in [-1, 1]."""
    shown = colours[numbers.long().clamp(max=len(colours) - 1)]
    return shown.permute(0, 3, 1, 2) / 127.5 - 1


if __name__ == "__main__":
    main()
