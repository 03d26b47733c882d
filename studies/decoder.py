"""Is another decoder better, and are the latents the same? Two autoencoders, side by side.

    python studies/decoder.py scenes runs/scenes/decoder/model

On held-out scenes of two objects: decibels in the whole picture and inside its objects, the
distance in the feature network, and how many numbers of the latents differ.
"""

import argparse
from pathlib import Path

import torch

from calotype.autoencoder import perceptual_distance
from calotype.checkpoints import load_autoencoder
from calotype.evaluation.reconstruction import psnr, round_trip
from calotype.scenes import SceneSource, render
from calotype.training.perceptual import load_features

SEED = 33_000  # scenes that no recipe of ours trains on


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs=2, help="names, folders or files")
    parser.add_argument("--count", type=int, default=100, help="pictures")
    arguments = parser.parse_args()
    source = SceneSource(SEED, arguments.count, objects=(2, 2), split="all")
    shown = render([source.scene(index) for index in range(arguments.count)], 128)
    network, latents = load_features(Path("scenes"), "features", "cpu"), []
    print(f"{'':32}{'PSNR':>8}{'objects':>9}{'perceptual':>12}")
    for name in arguments.models:
        autoencoder = load_autoencoder(name)
        latents.append(autoencoder.encode(shown.pictures).mean)
        made = round_trip(autoencoder, shown.pictures)
        whole = psnr(made, shown.pictures).mean()
        inside = psnr(made, shown.pictures, shown.objects > 0).mean()
        apart = perceptual_distance(network(made), network(shown.pictures)).mean()
        print(f"{name:32}{whole:8.2f}{inside:9.2f}{apart:12.4f}")
    print(f"numbers of the latents that differ: {int((latents[0] != latents[1]).sum())}")


if __name__ == "__main__":
    main()
