"""Whole-process time and peak memory of `calotype generate` beside a script with diffusers.

    make bench            # or: python benchmarks/generate.py --runs 7 --model FOLDER

Both make 4 pictures in 25 steps at guidance 5 from the same folder, turn about, in one run, with a
matmul probe before each timing: shared machines flip between speeds for minutes, so pairs whose
probes differ by more than a fifth are left out, and only ratios are worth quoting.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from measuring import measure, probe, spread

from calotype.checkpoints import find

PROMPT = "a small red cube to the left of a large blue sphere on a wooden floor"
PEER = f"""
import sys, torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32)
pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
pipe.set_progress_bar_config(disable=True)
generator = [torch.Generator().manual_seed(seed) for seed in range(4)]
made = pipe(["{PROMPT}"] * 4, num_inference_steps=25, guidance_scale=5, generator=generator)
for number, image in enumerate(made.images):
    image.save(f"{{sys.argv[2]}}/{{number}}.png")
"""


def commands(model: Path, out: str) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "calotype", "generate", PROMPT, "--model", str(model)]
    ours += ["--images", "4", "--steps", "25", "--guidance-scale", "5", "--out", out]
    ours += ["--sampler", "dpm++2m"]  # which is what the peer's scheduler is
    return {
        "calotype": [*ours, "--seed", "0"],
        "diffusers": [sys.executable, "-c", PEER, str(model), out],
        "import torch": [sys.executable, "-c", "import torch"],
        "import calotype": [sys.executable, "-c", "import calotype"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="scenes", help="a model's name or folder")
    parser.add_argument("--runs", type=int, default=5, help="rounds; each runs every command once")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    rounds: list[dict[str, tuple[float, float]]] = []
    with tempfile.TemporaryDirectory() as out:
        todo = commands(find(arguments.model), out)
        for number in range(arguments.runs + 1):
            probes, found = [probe()], {}
            for name, command in todo.items():
                found[name] = measure(command)
                probes.append(probe())
            steady = max(probes) < 1.2 * min(probes)
            kept = number > 0 and steady  # the first round fills the disk's cache
            note = "" if kept else " (left out)"
            times = ", ".join(f"{name} {seconds:.2f} s" for name, (seconds, _) in found.items())
            print(f"probe {min(probes):.0f}-{max(probes):.0f} GFLOP/s: {times}{note}", flush=True)
            rounds += [found] if kept else []
    if not rounds:
        sys.exit("the machine changed its speed in every round; try again")
    report(rounds)


def report(rounds: list[dict[str, tuple[float, float]]]) -> None:
    print(f"\n{len(rounds)} rounds, median (minimum - maximum)")
    for name in rounds[0]:
        seconds, memory = ([found[name][i] for found in rounds] for i in (0, 1))
        # A process starts with this one's peak, torch and all: smaller ones can't be told.
        peak = "" if name.startswith("import") else f", {spread(memory, 0)} MB"
        print(f"{name:>16}: {spread(seconds)} s{peak}")
    for what, index in (("time", 0), ("memory", 1)):
        ratios = [found["calotype"][index] / found["diffusers"][index] for found in rounds]
        print(f"calotype / diffusers, {what}: {spread(ratios)}")


if __name__ == "__main__":
    main()
