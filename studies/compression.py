"""How much should the first stage compress? Rombach et al. 2022, figures 6 and 7, in the small.

    python studies/compression.py --minutes 20        # stopped, it goes on where it was

Scenes of one object at 64x64; first stages of f = 1 (none), 2, 4 and 8, f = 4 once more with a
codebook; on top of each a UNet of the same size (8.1 million parameters within 2 %), each given the
same computing time. They train in turns, so that a machine that changes its speed changes it for
all. Writes studies/README.md, its plots and its sheet.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot
from PIL import Image
from torch import Tensor

from calotype import Sampling, TextToImage
from calotype.autoencoder import VQAutoencoder, perceptual_distance, perplexity
from calotype.checkpoints import load_autoencoder
from calotype.evaluation.frechet import frechet_distance
from calotype.evaluation.judge import load_reader
from calotype.evaluation.precision_recall import precision_recall
from calotype.evaluation.prompts import prompts
from calotype.evaluation.reconstruction import psnr, round_trip, ssim
from calotype.evaluation.share import Share
from calotype.generate.labelled import labelled
from calotype.generate.pictures import to_picture
from calotype.generate.run import run
from calotype.model import LatentDiffusion
from calotype.presets import autoencoder_config
from calotype.scenes import SceneSource, render
from calotype.scenes.reader import read
from calotype.scenes.reading import mistakes, shows
from calotype.training import TrainSettings, train
from calotype.training.features import load_features
from calotype.training.run import make_task
from calotype.training.state import checkpoints, load_state
from calotype.training.tasks.diffusion import DiffusionTask

SIDE = 64
NAMES = {"f1": "f = 1", "f2": "f = 2", "f4": "f = 4", "f8": "f = 8", "vq": "f = 4, VQ"}
MARKS = (5, 10, 20, 40)  # minutes after which a model is measured
SAMPLING = Sampling(sampler="unipc", steps=20, guidance_scale=3.0, seed=1)
TRUE, HELD_OUT = 31_000, 32_000  # seeds of renderings that nothing here is trained on
HERE = Path(__file__).parent
BEGIN, END = "<!-- from here on: studies/compression.py -->", "<!-- to here -->"


@dataclass(frozen=True)
class Measured:
    """A run after some time.

    seconds: processor time of the training, as if on two cores.
    right, ground: shares of pictures that show all that was said, and the ground.
    frechet, precision, recall: in the reader's features, against as many renderings.
    a_picture: the same for a picture.
    """

    name: str
    samples: int
    seconds: float
    right: float
    ground: float
    frechet: float
    precision: float
    recall: float
    a_picture: float


def data(runs: Path) -> dict[str, object]:
    """The pictures of every run."""
    return {
        "source": "scenes",
        "count": 12_000,
        "size": SIDE,
        "objects": (1, 1),
        "plain_captions": 1.0,
        "cache": runs / "cache",
    }


def first_stage(name: str, runs: Path) -> TrainSettings:
    """The training of an autoencoder."""
    table = {
        "task": "autoencoder",
        "out": runs / f"{name}-first-stage",
        "data": data(runs) | {"plain_captions": 0.0},
        "loop": {
            "samples": 16_000,
            "ema_halflife": 1_000,
            "save_every": 4_000,
            "preview_every": 8_000,
        },
        "optimizer": {"rate": 1.5e-3, "warmup": 800},
        "autoencoder": {"preset": f"compression-{name}", "kl_weight": 3e-4},
    }
    return TrainSettings.model_validate(table)


def second_stage(name: str, runs: Path) -> TrainSettings:
    """The training of a UNet: at a constant rate, so that each moment of it is one to stop at."""
    latents = "pixels" if name == "f1" else first_stage(name, runs).out / "model" / "vae"
    table = {
        "task": "diffusion",
        "out": runs / f"{name}-second-stage",
        "data": data(runs),
        "loop": {
            "samples": 10**9,
            "ema_halflife": 2_000,
            "save_every": 10**8,
            "preview_every": 10**9,
        },
        "optimizer": {"rate": 8e-4, "warmup": 1_000, "decay": "constant", "weight_decay": 0.01},
        "diffusion": {
            "preset": f"compression-{name}",
            "autoencoder": latents,
            "text": "scenes",
            "text_rate": 0,
            "zero_terminal_snr": True,
            "timestep_shift": 3.0,
            "supervision_weight": 0.03,
        },
    }
    return TrainSettings.model_validate(table)


def clock() -> float:
    """Seconds of two cores that this process has had, whatever else the machine did."""
    return time.process_time() / 2


def trained(settings: TrainSettings, seconds: float | None = None) -> float:
    """Train to the end, or for so long from where it is; returns the time that it took."""
    resume = bool(checkpoints(settings.out))
    began: list[float] = []

    def late() -> bool:
        return seconds is not None and bool(began) and clock() - began[0] > seconds

    for progress in train(settings, resume, should_stop=late):
        if not began:
            began.append(clock())  # the first step, which makes the caches, doesn't count
        if progress.saved:
            print(f"  {settings.out.name}: {progress.samples:,} samples", flush=True)
    return clock() - began[0]


def averaged(settings: TrainSettings) -> LatentDiffusion:
    """The model of a run's newest checkpoint, with its averaged weights."""
    task = make_task(settings, lambda what, done, total: None)
    assert isinstance(task, DiffusionTask)
    state = load_state(checkpoints(settings.out)[-1])
    task.network.load_state_dict({**state.weights, **state.ema})
    task.network.eval()
    return task.model


def measured(name: str, runs: Path, count: int, seconds: float) -> tuple[Measured, Tensor]:
    """What a run can do now, and the pictures that it made."""
    settings = second_stage(name, runs)
    model, reader = averaged(settings), load_reader()
    asked = prompts("single", count)
    began = clock()
    request = TextToImage(
        prompt=tuple(each.prompt for each in asked), weighting="none", sampling=SAMPLING
    )
    made = torch.stack([to_picture(picture.image) for picture in run(model, request)])
    a_picture = (clock() - began) / count
    readings = read(reader, made)
    wrong = [mistakes(*pair) for pair in zip(readings, (a.scene for a in asked), strict=True)]
    true = renderings(TRUE, count)
    features = reader.features(made), reader.features(true)
    precision, recall = precision_recall(*features)
    return Measured(
        name=name,
        samples=load_state(checkpoints(settings.out)[-1]).samples,
        seconds=seconds,
        right=sum(not each for each in wrong) / count,
        ground=sum(all(m.kind != "ground" for m in each) for each in wrong) / count,
        frechet=frechet_distance(*features),
        precision=precision,
        recall=recall,
        a_picture=a_picture,
    ), made


def renderings(seed: int, count: int) -> Tensor:
    """Held-out pictures of one object."""
    source = SceneSource(seed, count, objects=(1, 1))
    return render([source.scene(index) for index in range(count)], SIDE).pictures


@dataclass(frozen=True)
class Kept:
    """What a first stage keeps of held-out pictures, a mean over them.

    psnr: dB. perceptual: the distance in the feature network. read: the share that is still read
    wholly right. perplexity: how many vectors are in use, of a codebook.
    """

    name: str
    channels: int
    psnr: float
    ssim: float
    perceptual: float
    read: float
    perplexity: float | None


@torch.inference_mode()
def kept(name: str, runs: Path, count: int = 500) -> Kept:
    """How much a first stage keeps."""
    stage = load_autoencoder(first_stage(name, runs).out / "model" / "vae")
    pictures = renderings(HELD_OUT, count)
    after = torch.cat([round_trip(stage, some) for some in pictures.split(50)])
    network = load_features(Path("scenes"), "features", "cpu")
    apart = [
        perceptual_distance(network(a), network(b))
        for a, b in zip(after.split(50), pictures.split(50), strict=True)
    ]
    source = SceneSource(HELD_OUT, count, objects=(1, 1))
    seen = enumerate(read(load_reader(), after))
    used = None
    if isinstance(stage, VQAutoencoder):
        chosen = [stage.quantize(stage.encode(some).mean).indices for some in pictures.split(50)]
        used = float(perplexity(torch.cat(chosen), stage.config.num_vq_embeddings))
    return Kept(
        name,
        stage.config.latent_channels,
        float(psnr(after, pictures).mean()),
        float(ssim(after, pictures).mean()),
        float(torch.cat(apart).mean()),
        sum(shows(reading, source.scene(index)) for index, reading in seen) / count,
        used,
    )


def turns(runs: Path, names: list[str], minutes: float, count: int) -> Iterator[Measured]:
    """Train all runs in turns; yields what was measured of each at each mark, earlier ones first.

    What was measured before the program was stopped is taken from ``measured.jsonl``.
    """
    notes = runs / "measured.jsonl"
    lines = notes.read_text().splitlines() if notes.exists() else []
    known = [Measured(**json.loads(line)) for line in lines]
    yield from (each for each in known if each.name in names)
    for mark in (mark for mark in MARKS if mark <= minutes):
        for name in names:
            so_far = max((m.seconds for m in known if m.name == name), default=0.0)
            if so_far >= 60 * mark - 1:
                continue
            seconds = so_far + trained(second_stage(name, runs), 60 * mark - so_far)
            found, made = measured(name, runs, count, seconds)
            np.save(runs / f"{name}.npy", made.numpy())
            with notes.open("a") as file:
                file.write(json.dumps(asdict(found)) + "\n")
            known.append(found)
            yield found


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
    for pane, label in zip(axes[1], ("minutes", "samples"), strict=True):
        pane.set(xlabel=label)
    for line, label in zip(axes, ("all right", "Frechet distance, reader"), strict=True):
        line[0].set(ylabel=label)
        for pane in line:
            pane.set(xscale="log")
            pane.grid(alpha=0.3)
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
    asked = [each.prompt for each in prompts("single", 8)]
    labelled(images, asked, [NAMES[name] for name in names]).save(path)


def tables(firsts: list[Kept], rows: list[Measured], count: int) -> str:
    """Both tables, in Markdown."""
    lines = [
        "| | latent | PSNR | SSIM | perceptual | read right | perplexity |",
        "|---" * 7 + "|",
    ]
    for each in firsts:
        side = SIDE // first_stage_factor(each.name)
        used = "" if each.perplexity is None else f"{each.perplexity:.0f}"
        lines.append(
            f"| {NAMES[each.name]} | {side}x{side}x{each.channels} | {each.psnr:.1f} dB | "
            f"{each.ssim:.3f} | {each.perceptual:.4f} | {each.read:.2f} | {used} |"
        )
    last = max(MARKS[: sum(mark * 60 <= max(r.seconds for r in rows) + 60 for mark in MARKS)])
    lines += ["", f"{count} prompts each, after {last} minutes of computing time and less:", ""]
    lines += [
        "| | minutes | samples | all right | ground | Frechet | precision | recall | s a picture |",
        "|---" * 9 + "|",
    ]
    for row in sorted(rows, key=lambda row: (list(NAMES).index(row.name), row.seconds)):
        low, high = Share(round(row.right * count), count).interval
        lines.append(
            f"| {NAMES[row.name]} | {row.seconds / 60:.0f} | {row.samples:,} | {row.right:.2f} "
            f"({low:.2f}-{high:.2f}) | {row.ground:.2f} | {row.frechet:.2f} | "
            f"{row.precision:.2f} | {row.recall:.2f} | {row.a_picture:.2f} |"
        )
    return "\n".join(lines)


def first_stage_factor(name: str) -> int:
    """How many pixels a latent of that first stage is wide."""
    return autoencoder_config(f"compression-{name}").factor


def write(text: str, path: Path) -> None:
    """Put the tables in their place on the page, whose words are written by hand."""
    page = path.read_text()
    before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    path.write_text(f"{before}\n\n{text}\n\n{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20, help="for each UNet")
    parser.add_argument("--count", type=int, default=64, help="pictures that each is judged by")
    parser.add_argument("--runs", type=Path, default=Path("runs/compression"))
    parser.add_argument("--page", type=Path, default=HERE / "README.md")
    parser.add_argument("names", nargs="*", help=", ".join(NAMES))
    arguments = parser.parse_args()
    names, runs = arguments.names or list(NAMES), arguments.runs
    stages = [name for name in names if name != "f1"]
    for name in stages:
        if not (first_stage(name, runs).out / "model").exists():
            trained(first_stage(name, runs))
    firsts = [kept(name, runs) for name in stages]
    for first in firsts:
        print(first, flush=True)
    rows: list[Measured] = []
    for row in turns(runs, names, arguments.minutes, arguments.count):
        rows.append(row)
        print(row, flush=True)
    pictures = arguments.page.parent / "pictures"
    pictures.mkdir(exist_ok=True)
    plot(rows, pictures / "compression.png")
    sheet(runs, names, pictures / "compression-sheet.png")
    write(tables(firsts, rows, arguments.count), arguments.page)


if __name__ == "__main__":
    main()
