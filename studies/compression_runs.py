"""The runs of studies/compression.py: their settings, their training in turns, what is measured."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calotype import Request, Sampling
from calotype.autoencoder import VQAutoencoder, perceptual_distance, perplexity
from calotype.checkpoints import load_autoencoder
from calotype.evaluation.frechet import frechet_distance
from calotype.evaluation.precision_recall import precision_recall
from calotype.evaluation.reconstruction import psnr, round_trip, ssim
from calotype.evaluation.scenes.judge import load_reader
from calotype.evaluation.scenes.prompts import scene_prompts
from calotype.generate.pictures import to_picture
from calotype.generate.run import run
from calotype.model import LatentDiffusion
from calotype.scenes import SceneSource, render
from calotype.scenes.reader import read
from calotype.scenes.reading import mistakes, shows
from calotype.settings import validated
from calotype.training import TrainSettings, train
from calotype.training.perceptual import load_features
from calotype.training.run import make_task
from calotype.training.state import checkpoints, load_state
from calotype.training.tasks.diffusion import DiffusionTask

SIDE = 64
NAMES = {"f1": "f = 1", "f2": "f = 2", "f4": "f = 4", "f8": "f = 8", "vq": "f = 4, VQ"}
MARKS = (5, 10, 20, 40)  # minutes after which a model is measured
SAMPLING = Sampling(sampler="unipc", steps=20, guidance_scale=3.0, seed=1)
TRUE, HELD_OUT = 31_000, 32_000  # seeds of renderings that nothing here is trained on


@dataclass(frozen=True)
class Measured:
    """A run after some time.

    seconds: processor time of the training, as if on two cores.
    count: pictures that the rest is measured by.
    right, ground: shares of pictures that show all that was said, and the ground.
    frechet, precision, recall: in the reader's features, against as many renderings.
    a_picture: the same for a picture.
    """

    name: str
    samples: int
    seconds: float
    count: int
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
    held = {"codebook": "ema"} if name == "vq" else {"kl_weight": 3e-4}
    table = {
        "task": "autoencoder",
        "out": runs / f"{name}-first-stage",
        "data": data(runs) | {"plain_captions": 0.0},
        "loop": {
            "samples": 30_000,
            "batch_size": 16,  # 4 learned colours half as fast, sample for sample
            "ema_halflife": 1_000,
            "save_every": 2_000,
            "preview_every": 10_000,
        },
        "optimizer": {"rate": 1.5e-3, "warmup": 800},
        "autoencoder": {"preset": f"compression-{name}", **held},
    }
    return validated(TrainSettings, table)


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
    return validated(TrainSettings, table)


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
    return clock() - began[0] if began else 0.0


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
    asked = scene_prompts("single", count)
    began = clock()
    request = Request(
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
        count=count,
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
        stage.config.diffused_channels,
        float(psnr(after, pictures).mean()),
        float(ssim(after, pictures).mean()),
        float(torch.cat(apart).mean()),
        sum(shows(reading, source.scene(index)) for index, reading in seen) / count,
        used,
    )


def turns(runs: Path, names: list[str], minutes: float, count: int) -> None:
    """Train the runs in turns, and measure each at each mark; what is done is not done again."""
    for mark in (mark for mark in MARKS if mark <= minutes):
        for name in names:
            settings = second_stage(name, runs)
            so_far = sum(leg["seconds"] for leg in lines(runs / f"{name}-legs.jsonl"))
            if so_far < 60 * mark - 1:
                took = trained(settings, 60 * mark - so_far)
                note(runs / f"{name}-legs.jsonl", {"seconds": took})
                so_far += took
            known = (row for row in measurements(runs) if row.name == name and row.count == count)
            if max((row.seconds for row in known), default=0.0) < 60 * mark - 1:
                found, made = measured(name, runs, count, so_far)
                np.save(runs / f"{name}.npy", made.numpy())
                note(runs / "measured.jsonl", asdict(found))
                print(found, flush=True)


def measurements(runs: Path) -> list[Measured]:
    """All that was measured so far."""
    return [Measured(**line) for line in lines(runs / "measured.jsonl")]


def lines(path: Path) -> list[dict[str, Any]]:
    """What was noted in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def note(path: Path, line: dict[str, Any]) -> None:
    """Write one more line."""
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
