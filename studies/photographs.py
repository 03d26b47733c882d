"""What does an autoencoder learn from photographs? recipes/tiny/kl.toml on pictures of one's own.

    python studies/photographs.py FOLDER

Each photograph is cut into five by five cells or more, of which each fourth is held out; the recipe
learns from tiles at random places in the others, as from any folder. Draws the curve, decibels in
the cells that it never sees, and a sheet: input above output. Without a folder it takes the one
photograph that comes with matplotlib.
"""

import argparse
import itertools
import random
import shutil
from pathlib import Path

import torch
from matplotlib import cbook, pyplot
from PIL import Image
from torch import Tensor

from calotype.checkpoints import load_autoencoder
from calotype.data.folder import FolderSource
from calotype.errors import UserError
from calotype.evaluation.reconstruction import psnr, round_trip
from calotype.generate.pictures import to_images
from calotype.generate.sheets import labelled_sheet
from calotype.settings import read_settings, validated
from calotype.training import TrainSettings, train
from calotype.training.run import make_task
from calotype.training.sources import spread
from calotype.training.state import checkpoints, load_state
from calotype.training.tasks.autoencoder import AutoencoderTask

HERE = Path(__file__).parent
RECIPE = HERE.parent / "recipes" / "tiny" / "kl.toml"
CELLS = 5  # along the shorter side
HELD_OUT = 4  # each fourth cell
SMALLEST = 16  # pixels of a cell's side
TILES = 2_000
SHOWN = 8


def photographs(folder: Path | None) -> list[Path]:
    """The files to cut up."""
    if folder is None:
        return [Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))]
    return FolderSource(folder, size=64).paths


def cut(paths: list[Path], out: Path) -> None:
    """Write the tiles to learn from, out/seen, and the cells that are not in them, out/held_out."""
    dice = random.Random(1)
    for name in ("seen", "held_out"):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            whole = image.convert("RGB")
        side = min(whole.size) // CELLS
        if side < SMALLEST:
            raise UserError(f"{path}: {CELLS * SMALLEST} pixels a side at least")
        corners = itertools.product(
            range(0, whole.height - side + 1, side), range(0, whole.width - side + 1, side)
        )
        cells = [whole.crop((x, y, x + side, y + side)) for y, x in corners]
        for index, cell in enumerate(cells[::HELD_OUT]):
            cell.save(out / "held_out" / f"{number:04d}-{index:04d}.png")
        seen = [cell for index, cell in enumerate(cells) if index % HELD_OUT]
        for tile in range(-(-TILES // len(paths))):
            width = dice.randint(side * 2 // 3, side)
            x, y = dice.randint(0, side - width), dice.randint(0, side - width)
            piece = dice.choice(seen).crop((x, y, x + width, y + width))
            piece.save(out / "seen" / f"{number:04d}-{tile:04d}.png")


def settings(runs: Path) -> TrainSettings:
    """The recipe, on the tiles, with a checkpoint for each point of the curve."""
    found = read_settings(TrainSettings, RECIPE)
    data = {"source": str(runs / "seen"), "size": found.data.size}
    loop = {**found.loop.model_dump(), "save_every": found.loop.samples // 12, "keep": 12}
    table = {**found.model_dump(), "out": runs / "run", "data": data, "loop": loop}
    return validated(TrainSettings, table)


def some(folder: Path, size: int) -> Tensor:
    """A hundred pictures of a folder, or all, evenly spread."""
    source = FolderSource(folder, size)
    return torch.stack([each.picture for each in source.examples(spread(len(source), 100))])


@torch.inference_mode()
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
    axes.set(xlabel="samples", ylabel="PSNR on held-out cells, dB")
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
    labelled_sheet(images, [""] * len(before), ["input", "output"]).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="of photographs")
    parser.add_argument("--runs", type=Path, default=Path("runs/photographs"))
    parser.add_argument("--pictures", type=Path, default=HERE / "pictures")
    arguments = parser.parse_args()
    run = settings(arguments.runs)
    try:
        cut(photographs(arguments.folder), arguments.runs)
    except (OSError, UserError) as error:
        parser.error(str(error))
    shutil.rmtree(run.out, ignore_errors=True)
    for progress in train(run):
        if progress.saved:
            print(f"  {progress.samples:,} samples", flush=True)
    pictures, seen = (some(arguments.runs / name, run.data.size) for name in ("held_out", "seen"))
    made = outputs(run, pictures)
    curve = {samples: float(psnr(after, pictures).mean()) for samples, after in made.items()}
    for samples, value in curve.items():
        print(f"{samples:8,} samples: {value:.2f} dB")
    with torch.inference_mode():
        learned = round_trip(load_autoencoder(run.out / "model" / "vae"), seen)
    print(f"on tiles that it learned from: {psnr(learned, seen).mean():.2f} dB")
    plot(curve, arguments.pictures / "photographs.png")
    last = list(made.values())[-1]
    sheet(pictures[:SHOWN], last[:SHOWN], arguments.pictures / "photographs-sheet.png")


if __name__ == "__main__":
    main()
