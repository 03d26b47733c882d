"""From nothing to a model, four times: recipes/tiny, each with the number that its header states.

    make journeys      # or: python studies/journeys.py kl text

Trains each recipe into runs/tiny, measures what came of it, and prints one table. The exit status
is 1 if one fell short of what it states.
"""

import argparse
import re
import shutil
import sys
import time
from pathlib import Path

import torch

import calotype
from calotype.checkpoints import load_autoencoder
from calotype.evaluation.reconstruction import psnr, round_trip
from calotype.evaluation.scenes.judge import load_reader
from calotype.evaluation.scenes.prompts import scene_prompts
from calotype.generate.pictures import to_picture
from calotype.scenes import SceneSource, render
from calotype.scenes.reader import read
from calotype.settings import read_settings
from calotype.training import TrainSettings, train

RECIPES = Path(__file__).parents[1] / "recipes" / "tiny"
NAMES = ("kl", "vq", "pixel", "text")
STATED = re.compile(r"# Reaches ([\d.]+) (.*)\.$", re.MULTILINE)
COUNT = 40  # pictures that a number is a mean of
ROW = "{:8}{:>10}{:>10}{:>9}  {}"
SAMPLING = calotype.Sampling(steps=20, guidance_scale=3.0, seed=1)


def kept(settings: TrainSettings) -> float:
    """dB that an autoencoder keeps of held-out pictures."""
    source = SceneSource(32_000, COUNT, objects=(1, 1))
    pictures = render([source.scene(index) for index in range(COUNT)], settings.data.size).pictures
    autoencoder = load_autoencoder(settings.out / "model" / "vae")
    return float(psnr(round_trip(autoencoder, pictures), pictures).mean())


def right(settings: TrainSettings) -> float:
    """The share of pictures on the ground that their prompt names."""
    asked = scene_prompts("single", COUNT)
    texts = tuple(each.prompt for each in asked)
    request = calotype.Request(prompt=texts, weighting="none", sampling=SAMPLING)
    made = calotype.run(calotype.load(settings.out / "model"), request)
    seen = read(load_reader(), torch.stack([to_picture(picture.image) for picture in made]))
    grounds = zip(seen, (each.scene.ground.kind for each in asked), strict=True)
    return sum(reading.ground == ground for reading, ground in grounds) / COUNT


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(NAMES))
    short = False
    print(ROW.format("", "took", "reached", "stated", ""))
    for name in parser.parse_args().names or NAMES:
        path = RECIPES / f"{name}.toml"
        settings, stated = read_settings(TrainSettings, path), STATED.search(path.read_text())
        assert stated, f"{path}: its header states no number"
        shutil.rmtree(settings.out, ignore_errors=True)
        began = time.monotonic()
        for progress in train(settings):
            if progress.samples % 1_000 < settings.loop.batch_size:
                print(f"  {name}: {progress.samples:,} samples", file=sys.stderr, flush=True)
        took = f"{(time.monotonic() - began) / 60:.1f} min"
        reached = (kept if settings.task == "autoencoder" else right)(settings)
        short |= reached < float(stated[1])
        print(ROW.format(name, took, f"{reached:.2f}", *stated.groups()), flush=True)
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
