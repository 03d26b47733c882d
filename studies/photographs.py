"""What does an autoencoder learn from photographs? recipes/tiny/kl.toml on pictures of one's own.

    python studies/photographs.py FOLDER

Of each photograph the right fifth is held out; the rest is cut into tiles at random places and of
random sizes, from which the recipe learns as from any folder. Draws the curve, decibels in the
tiles that it never sees, and a sheet: input beside output. Without a folder it takes the one
photograph that comes with matplotlib.
"""

import argparse
import random
import shutil
from pathlib import Path

import torch
from matplotlib import cbook, pyplot
from PIL import Image
from torch import Tensor

from calotype.data.folder import FolderSource
from calotype.evaluation.reconstruction import psnr, round_trip
from calotype.generate.labelled import labelled
from calotype.generate.pictures import to_images
from calotype.settings import read_settings
from calotype.training import TrainSettings, train
from calotype.training.run import make_task
from calotype.training.state import checkpoints, load_state
from calotype.training.tasks.autoencoder import AutoencoderTask

HERE = Path(__file__).parent
RECIPE = HERE.parent / "recipes" / "tiny" / "kl.toml"
SMALLEST, LARGEST = 64, 192  # pixels of the photograph that a tile is wide
TILES = 2_000
SHOWN = 8


def photographs(folder: Path | None) -> list[Path]:
    """The files to cut up."""
    if folder is None:
        return [Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))]
    return FolderSource(folder, SMALLEST).paths


def cut(paths: list[Path], out: Path) -> None:
    """Write the tiles: out/seen to learn from, out/held_out in a grid without overlap."""
    shutil.rmtree(out, ignore_errors=True)
    dice = random.Random(1)
    for name in ("seen", "held_out"):
        (out / name).mkdir(parents=True)
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            whole = image.convert("RGB")
        border = whole.width * 4 // 5
        for tile in range(-(-TILES // len(paths))):
            side = dice.randint(SMALLEST, min(LARGEST, border, whole.height))
            left = dice.randint(0, border - side)
            top = dice.randint(0, whole.height - side)
            piece = whole.crop((left, top, left + side, top + side))
            piece.save(out / "seen" / f"{number:04d}-{tile:04d}.png")
        side = whole.width - border
        for tile in range(whole.height // side):
            piece = whole.crop((border, tile * side, border + side, (tile + 1) * side))
            piece.save(out / "held_out" / f"{number:04d}-{tile:04d}.png")


def settings(runs: Path) -> TrainSettings:
    """The recipe, on the tiles, with a checkpoint for each point of the curve."""
    found = read_settings(TrainSettings, RECIPE)
    data = {"source": str(runs / "seen"), "size": found.data.size}
    loop = {**found.loop.model_dump(), "save_every": found.loop.samples // 12, "keep": 12}
    table = {**found.model_dump(), "out": runs / "run", "data": data, "loop": loop}
    return TrainSettings.model_validate(table)


def outputs(run: TrainSettings, pictures: Tensor) -> dict[int, Tensor]:
    """What the averaged weights make of pictures, by the samples seen."""
    task = make_task(run, lambda what, done, total: None)
    assert isinstance(task, AutoencoderTask)
    made = {}
    for path in checkpoints(run.out):
        state = load_state(path)
        task.network.load_state_dict({**state.weights, **state.ema})
        made[state.samples] = round_trip(task.autoencoder.eval(), pictures)
    return made


def plot(curve: dict[int, float], path: Path) -> None:
    """Decibels against samples."""
    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    axes.plot(list(curve), list(curve.values()), marker="o", markersize=4)
    axes.set(xlabel="samples", ylabel="PSNR on held-out tiles, dB")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def sheet(before: Tensor, after: Tensor, path: Path) -> None:
    """Inputs above outputs, at twice their size."""
    images = [
        image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST)
        for some in (before, after)
        for image in to_images(some)
    ]
    labelled(images, [""] * len(before), ["input", "output"]).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="of photographs")
    parser.add_argument("--runs", type=Path, default=Path("runs/photographs"))
    parser.add_argument("--pictures", type=Path, default=HERE / "pictures")
    arguments = parser.parse_args()
    run = settings(arguments.runs)
    if not (run.out / "model").exists():
        cut(photographs(arguments.folder), arguments.runs)
        for progress in train(run):
            if progress.saved:
                print(f"  {progress.samples:,} samples", flush=True)
    held_out = FolderSource(arguments.runs / "held_out", run.data.size)
    pictures = torch.stack([each.picture for each in held_out.examples(range(len(held_out)))])
    made = outputs(run, pictures)
    curve = {samples: float(psnr(after, pictures).mean()) for samples, after in made.items()}
    for samples, value in curve.items():
        print(f"{samples:8,} samples: {value:.2f} dB")
    plot(curve, arguments.pictures / "photographs.png")
    last = list(made.values())[-1]
    sheet(pictures[:SHOWN], last[:SHOWN], arguments.pictures / "photographs-sheet.png")


if __name__ == "__main__":
    main()
