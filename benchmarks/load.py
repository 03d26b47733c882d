"""From the start of a process to the end of the UNet's first step, beside diffusers.

    make bench-load       # or: python benchmarks/load.py --runs 5 --model FOLDER

A random Stable Diffusion 1.5 of full size is opened as a folder and as a single file, in float32
and in float16, a prompt is encoded, and the UNet takes one step at 512x512, all in float32. Both
sides turn about, with a matmul probe before each timing: pairs whose probes differ by more than a
fifth are left out. Needs 14 GB on the disk and 6 GB of memory.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import measure, probe, spread

OURS = """
import sys, torch, calotype
model = calotype.load(sys.argv[1])
with torch.inference_mode():
    condition = model.conditioner({"captions": ["a photograph of a cat"]})
    model.unet(torch.randn(1, 4, 64, 64), torch.tensor([999]), condition)
"""
THEIRS = """
import sys, torch
from diffusers import StableDiffusionPipeline
path, folder = sys.argv[1:]
given = {"torch_dtype": torch.float32, "local_files_only": True}
if path.endswith(".safetensors"):
    pipe = StableDiffusionPipeline.from_single_file(path, config=folder, **given)
else:
    pipe = StableDiffusionPipeline.from_pretrained(path, **given)
with torch.inference_mode():
    context, _ = pipe.encode_prompt("a photograph of a cat", "cpu", 1, False)
    pipe.unet(torch.randn(1, 4, 64, 64), 999, encoder_hidden_states=context)
"""
MAKER = Path(__file__).parents[1] / "studies" / "random_model.py"


def prepared(folder: Path, model: Path | None) -> dict[str, Path]:
    """The four forms of a model, by name."""
    forms = {
        "folder, fp32": folder / "fp32",
        "file, fp32": folder / "fp32.safetensors",
        "folder, fp16": folder / "fp16",
        "file, fp16": folder / "fp16.safetensors",
    }
    convert = [sys.executable, "-m", "calotype", "convert"]
    if model is None:
        subprocess.run([sys.executable, MAKER, "sd15", forms["folder, fp32"]], check=True)
    else:
        forms["folder, fp32"] = model
    for name, path in [*forms.items()][1:]:
        dtype = name.split(" ")[1]
        print(f"writes {path}", flush=True)
        subprocess.run([*convert, forms["folder, fp32"], path, "--dtype", dtype], check=True)
    return forms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a folder of Stable Diffusion 1.5 in float32")
    parser.add_argument("--runs", type=int, default=3, help="rounds of each form")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    place = Path(tempfile.mkdtemp())
    try:
        forms = prepared(place, arguments.model)
        for name, path in forms.items():
            print(row(name, path, forms["folder, fp32"], arguments.runs), flush=True)
    finally:
        shutil.rmtree(place)


def row(name: str, path: Path, folder: Path, runs: int) -> str:
    """The line of one form: time and memory of both sides, and their ratios."""
    commands = {
        "calotype": [sys.executable, "-c", OURS, str(path)],
        "diffusers": [sys.executable, "-c", THEIRS, str(path), str(folder)],
    }
    every: list[dict[str, tuple[float, float]]] = []
    rounds: list[dict[str, tuple[float, float]]] = []
    for number in range(runs + 1):
        probes, found = [probe()], {}
        for side, command in commands.items():
            found[side] = measure(command)
            probes.append(probe())
        steady = max(probes) < 1.2 * min(probes)
        times = ", ".join(f"{side} {seconds:.1f} s" for side, (seconds, _) in found.items())
        note = "" if number and steady else " (left out)"  # the first fills the disk's cache
        print(f"  probe {min(probes):.0f}-{max(probes):.0f} GFLOP/s: {times}{note}", flush=True)
        every += [found] if number else []
        rounds += [found] if number and steady else []
    told = [f"{name}, {len(rounds)} rounds"]
    if not rounds:
        told, rounds = [f"{name}, all {len(every)} rounds, none of them steady"], every
    for side in commands:
        seconds, memory = ([found[side][i] for found in rounds] for i in (0, 1))
        told.append(f"{side} {spread(seconds)} s, {spread(memory, 0)} MB")
    for what, index in (("time", 0), ("memory", 1)):
        ratios = [found["calotype"][index] / found["diffusers"][index] for found in rounds]
        told.append(f"{what} {spread(ratios)}")
    return "; ".join(told)


if __name__ == "__main__":
    main()
