"""How much should the first stage compress? Rombach et al. 2022, figures 6 and 7, in the small.

    python studies/compression.py --minutes 20        # stopped, it goes on where it was

Scenes of one object at 64x64; first stages of f = 1 (none), 2, 4 and 8, f = 4 once more with a
codebook; on top of each a UNet of the same size (8.1 million parameters within 2 %), each given the
same computing time. They train in turns, so that a machine that changes its speed changes it for
all. Writes studies/README.md, its plots and its sheet.
"""

import argparse
from pathlib import Path

import numpy as np
from compression_runs import (
    HELD_OUT,
    MARKS,
    NAMES,
    SIDE,
    TRUE,
    Kept,
    Measured,
    first_stage,
    kept,
    measurements,
    renderings,
    trained,
    turns,
)
from matplotlib import pyplot
from matplotlib.ticker import NullFormatter
from PIL import Image

from calotype.evaluation.frechet import frechet_distance
from calotype.evaluation.intervals import Share
from calotype.evaluation.precision_recall import precision_recall
from calotype.evaluation.scenes.judge import load_reader
from calotype.evaluation.scenes.prompts import scene_prompts
from calotype.generate.sheets import labelled_sheet
from calotype.presets import autoencoder_config

HERE = Path(__file__).parent
BEGIN, END = "<!-- from here on: studies/compression.py -->", "<!-- to here -->"
THOUSANDS, DISTANCES = (2_000, 5_000, 10_000, 20_000, 50_000), (10, 20, 50, 100)  # ticks
FEATURES = 96  # of the reader: a distance needs more pictures than that


def plot(rows: list[Measured], path: Path) -> None:
    """Accuracy and distance, against samples and against time."""
    figure, axes = pyplot.subplots(2, 2, figsize=(9, 7), sharey="row")
    for name in NAMES:
        own = [row for row in rows if row.name == name]
        minutes, samples = [row.seconds / 60 for row in own], [row.samples for row in own]
        for line, value in zip(axes, ("right", "frechet"), strict=True):
            heights = [getattr(row, value) for row in own]
            for pane, wide in zip(line, (minutes, samples), strict=True):
                pane.plot(wide, heights, marker="o", markersize=4, label=NAMES[name])
    ticks = [mark for mark in MARKS if 60 * mark < max(row.seconds for row in rows) + 60]
    for line, label in zip(axes, ("all right", "Frechet distance, reader"), strict=True):
        line[0].set(ylabel=label)
        for pane, some in zip(line, (ticks, THOUSANDS), strict=True):
            pane.set_xscale("log")
            pane.set_xticks(some, [f"{tick:,}" for tick in some])
            pane.xaxis.set_minor_formatter(NullFormatter())
            pane.grid(alpha=0.3)
    for pane, label in zip(axes[1], ("minutes", "samples"), strict=True):
        pane.set(xlabel=label, yscale="log")
        pane.set_yticks(DISTANCES, [str(tick) for tick in DISTANCES])
        pane.yaxis.set_minor_formatter(NullFormatter())
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def sheet(runs: Path, names: list[str], path: Path) -> None:
    """The same prompts and seeds by all models, at twice their size."""
    made = {name: np.load(runs / f"{name}.npy")[:8] for name in names}
    images = [
        Image.fromarray(((each.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)).resize(
            (2 * SIDE, 2 * SIDE), Image.Resampling.NEAREST
        )
        for name in names
        for each in made[name]
    ]
    asked = [each.prompt for each in scene_prompts("single", 8)]
    labelled_sheet(images, asked, [NAMES[name] for name in names]).save(path)


def tables(firsts: list[Kept], rows: list[Measured], true: tuple[float, float, float]) -> str:
    """Both tables, in Markdown. true: what renderings are to other renderings."""
    text = [
        "| | latent | PSNR | SSIM | perceptual | read right | perplexity |",
        "|---" * 7 + "|",
    ]
    for each in firsts:
        side = SIDE // autoencoder_config(f"compression-{each.name}").factor
        used = "" if each.perplexity is None else f"{each.perplexity:.0f}"
        text.append(
            f"| {NAMES[each.name]} | {side}x{side}x{each.channels} | {each.psnr:.1f} dB | "
            f"{each.ssim:.3f} | {each.perceptual:.4f} | {each.read:.2f} | {used} |"
        )
    count = rows[0].count
    text += ["", f"{count} prompts each; minutes of computing time on two cores:", ""]
    text += [
        "| | minutes | samples | all right | ground | Frechet | precision | recall | s a picture |",
        "|---" * 9 + "|",
    ]
    for row in sorted(rows, key=lambda row: (list(NAMES).index(row.name), row.seconds)):
        low, high = Share(round(row.right * count), count).interval
        text.append(
            f"| {NAMES[row.name]} | {row.seconds / 60:.0f} | {row.samples:,} | {row.right:.2f} "
            f"({low:.2f}-{high:.2f}) | {row.ground:.2f} | {row.frechet:.2f} | "
            f"{row.precision:.2f} | {row.recall:.2f} | {row.a_picture:.2f} |"
        )
    distance, precision, recall = true
    text.append(f"| renderings | | | | | {distance:.2f} | {precision:.2f} | {recall:.2f} | |")
    return "\n".join(text)


def of_renderings(count: int) -> tuple[float, float, float]:
    """Distance, precision and recall of so many renderings to others: as good as can be."""
    reader = load_reader()
    sets = [reader.features(renderings(seed, count)) for seed in (TRUE, HELD_OUT)]
    return (frechet_distance(*sets), *precision_recall(*sets))


def write(text: str, path: Path) -> None:
    """Put the tables in their place on the page, whose words are written by hand."""
    page = path.read_text()
    before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    path.write_text(f"{before}\n\n{text}\n\n{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20, help="for each UNet")
    parser.add_argument("--count", type=int, default=128, help="pictures that each is judged by")
    parser.add_argument("--runs", type=Path, default=Path("runs/compression"))
    parser.add_argument("--page", type=Path, default=HERE / "README.md")
    parser.add_argument("names", nargs="*", help=", ".join(NAMES))
    arguments = parser.parse_args()
    if arguments.minutes < MARKS[0] or arguments.count <= FEATURES:
        parser.error(f"--minutes is {MARKS[0]} at least, --count more than {FEATURES}")
    names, runs = arguments.names or list(NAMES), arguments.runs
    stages = [name for name in names if name != "f1"]
    for name in stages:
        if not (first_stage(name, runs).out / "model").exists():
            trained(first_stage(name, runs))
    firsts = [kept(name, runs) for name in stages]
    for first in firsts:
        print(first, flush=True)
    turns(runs, names, arguments.minutes, arguments.count)
    rows = [row for row in measurements(runs) if row.count == arguments.count]
    pictures = arguments.page.parent / "pictures"
    pictures.mkdir(exist_ok=True)
    plot(rows, pictures / "compression.png")
    sheet(runs, names, pictures / "compression-sheet.png")
    write(tables(firsts, rows, of_renderings(arguments.count)), arguments.page)


if __name__ == "__main__":
    main()
