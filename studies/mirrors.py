"""How visible the layout of a scene still is in its noisiest latents: why zero terminal SNR helps.

    python studies/mirrors.py scenes --count 32

A held-out scene of two objects and its mirror image say the same with left for right. The table
holds how far their noisy latents lie apart, in deviations of the noise: 2 or more can be told
apart as a rule, and a network that can see the side need not read about it.
"""

import argparse
from dataclasses import replace

import torch

import calotype
from calotype.scenes import SceneSource

LEVELS = (800, 900, 960, 999)
SEED = 40_000  # scenes that no recipe of ours trains on


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="scenes", help="name or folder")
    parser.add_argument("--count", type=int, default=32, help="scenes")
    arguments = parser.parse_args()
    model = calotype.load(arguments.model)
    examples = SceneSource(SEED, arguments.count, objects=(2, 2)).examples(range(arguments.count))
    pictures = torch.stack([example.picture for example in examples])
    with torch.inference_mode():
        apart = (model.encode(pictures) - model.encode(pictures.flip(-1))).flatten(1).norm(dim=1)
    print(f"{'t':>6}{'as in SD':>12}{'zero SNR':>12}")
    schedules = [
        replace(model.scheduler, rescale_betas_zero_snr=zero).schedule for zero in (False, True)
    ]
    for t in LEVELS:
        found = [float(apart.mean() / schedule.sigmas[t]) for schedule in schedules]
        print(f"{t:>6}{found[0]:12.2f}{found[1]:12.2f}")


if __name__ == "__main__":
    main()
