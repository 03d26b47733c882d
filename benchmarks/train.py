"""Samples a second and peak memory of `calotype train` beside a plain loop with diffusers.

    make bench            # or: python benchmarks/train.py --rounds 5 --steps 40

Both train the packaged model's UNet and text encoder with AdamW and a running average, on cached
latents, at the same batch size and precision, each in a process of its own, turn about, with a
matmul probe around each; pairs whose probes differ by more than a fifth are left out, as is the
first, which makes the cache. The rate is that of the median step, the first ones left out.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import torch
from measuring import probe, spread

from calotype.checkpoints import find

BATCH, WARM = 16, 5
PICTURES = 64


def ours(precision: str, out: Path) -> Iterator[None]:
    """Our loop; the latents of a few rendered scenes are cached before the first step."""
    from calotype.settings import validated
    from calotype.training import TrainSettings, train

    never = {"save_every": 10**9, "preview_every": 10**9, "samples": 10**9}
    table = {
        "task": "diffusion",
        "out": out / "run",
        "data": {"count": PICTURES, "cache": out / "cache"},
        "loop": {"batch_size": BATCH, "precision": precision, **never},
        "diffusion": {"start": "scenes", "autoencoder": "scenes"},
    }
    for _ in train(validated(TrainSettings, table)):
        yield


def theirs(precision: str, out: Path) -> Iterator[None]:
    """The loop of diffusers' training examples, without accelerate."""
    from diffusers import DDPMScheduler, UNet2DConditionModel
    from diffusers.training_utils import EMAModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from calotype.scenes import SceneSource

    folder = str(find("scenes"))
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(
        folder, subfolder="text_encoder", torch_dtype=torch.float32
    )
    tokenizer = CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer")
    scheduler = DDPMScheduler.from_pretrained(folder, subfolder="scheduler")
    unet.train(), text.train()
    parameters = [*unet.parameters(), *text.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
    ema = EMAModel(parameters)
    moments = torch.randn(PICTURES, 8, 16, 16)
    source = SceneSource(seed=1, count=PICTURES)
    for step in count():
        chosen = torch.randint(0, PICTURES, (BATCH,))
        captions = source.captions(chosen.tolist(), [step] * BATCH)
        mean, std = moments[chosen].chunk(2, dim=1)
        latents = mean + std * torch.randn_like(mean)
        noise, t = torch.randn_like(latents), torch.randint(0, 1000, (BATCH,))
        noisy = scheduler.add_noise(latents, noise, t)
        ids = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = unet(noisy, t, text(ids.input_ids)[0]).sample
            wanted = scheduler.get_velocity(latents, noise, t)
            loss = torch.nn.functional.mse_loss(output.float(), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        ema.step(parameters)
        yield


LOOPS = {"calotype": ours, "diffusers": theirs}


def one(name: str, precision: str, steps: int, out: Path) -> None:
    """Run one loop and print its rate and this process's peak memory as JSON."""
    times = []
    began = time.perf_counter()
    for _ in islice(LOOPS[name](precision, out), steps):
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": BATCH / statistics.median(times[WARM:]), "memory": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="each runs both loops once")
    parser.add_argument("--steps", type=int, default=25, help="optimiser steps of a loop")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--one", choices=LOOPS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps <= WARM:
        parser.error(f"--steps {arguments.steps}: the first {WARM} are left out; take more")
    if arguments.one:
        one(arguments.one, arguments.precision, arguments.steps, arguments.out)
        return
    rounds: list[dict[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as out:
        for number in range(arguments.rounds + 1):
            probes, found = [probe()], {}
            for name in LOOPS:
                command = [sys.executable, __file__, "--one", name, "--out", out]
                command += ["--steps", str(arguments.steps), "--precision", arguments.precision]
                told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                found[name] = json.loads(told.splitlines()[-1])
                probes.append(probe())
            kept = number > 0 and max(probes) < 1.2 * min(probes)
            rates = ", ".join(f"{name} {each['rate']:.1f}/s" for name, each in found.items())
            note = "" if kept else " (left out)"
            print(f"probe {min(probes):.0f}-{max(probes):.0f} GFLOP/s: {rates}{note}", flush=True)
            rounds += [found] if kept else []
    if not rounds:
        sys.exit("the machine changed its speed in every round; try again")
    report(rounds)


def report(rounds: list[dict[str, dict[str, float]]]) -> None:
    print(f"\n{len(rounds)} rounds, median (minimum - maximum)")
    for name in LOOPS:
        rates, peaks = ([found[name][key] for found in rounds] for key in ("rate", "memory"))
        print(f"{name:>16}: {spread(rates, 1)} samples/s, {spread(peaks, 0)} MB")
    for key in ("rate", "memory"):
        ratios = [found["calotype"][key] / found["diffusers"][key] for found in rounds]
        print(f"calotype / diffusers, {key}: {spread(ratios)}")


if __name__ == "__main__":
    main()
