"""What `unchanged.py` runs in each tree: requests, conversions, recipes, replays.

    PYTHONPATH=TREE/src python studies/unchanged_cases.py PART TREE INPUTS WORK RESULTS

One process runs one part in one tree and writes RESULTS/CASE/*.safetensors, or RESULTS/CASE/refused
or failed with the reason. It has to run in trees old and new, so it knows the public names alone:
`calotype.load`, `run`, `TextToImage`, `Sampling`, `Sweep` and the command line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

import calotype

# Overrides of every recipe that has the key's table: keys as they are or may come to be called (the
# first that the tree's `train --keys` lists is taken), and the value.
OVERRIDES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("data.count",), "64"),
    (("loop.samples",), "64"),
    (("loop.batch_size",), "16"),
    (("loop.save_every",), "32"),
    (("loop.precision",), "fp32"),
    (("diffusion.preview_prompts",), '["a small red cube", "a large blue sphere on grass"]'),
)

STEPS = 5
CUBE = "a small red cube on a wooden floor"
BALL = "a large blue sphere on grass"
LONG = ", ".join([CUBE, BALL] * 5)  # two chunks of 46 tokens
LONGER = ", ".join([CUBE, BALL] * 8)  # three
K_SAMPLERS = (
    *("euler", "euler_ancestral", "heun", "lms", "dpm2", "dpm2_ancestral", "dpm++2s_ancestral"),
    *("dpm++2m", "dpm++2m_sde", "dpm++3m_sde", "dpm++sde"),
)
SAMPLERS = (
    *("ddim", "ddpm", "plms", "unipc", "deis", "lcm", "restart", *K_SAMPLERS),
    *(f"k_{name}" for name in K_SAMPLERS),
)
SCHEDULES = (
    *("leading", "trailing", "linspace", "sgm_uniform"),
    *("karras", "exponential", "align_your_steps"),
)
MODELS = ("epsilon", "v", "sample", "zero", "pixel")  # see unchanged_models.py


@dataclass(frozen=True)
class Case:
    """One request.

    request: the record's fields. sampling: those of its sampler. over: of a sweep.
    """

    request: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    model: str = "scenes"
    batch_size: int | None = None
    deterministic: bool = True
    over: Mapping[str, Any] = field(default_factory=dict)


def requests() -> dict[str, Case]:
    """The requests by name.

    "unequal": texts of unequal chunk counts meet in one call of the network, which may change.
    """
    cases = {f"sampler {name}": Case(sampling={"sampler": name}) for name in SAMPLERS}
    cases |= {
        f"schedule {name}, {sampler}": Case(sampling={"sampler": sampler, "schedule": name})
        for name in SCHEDULES
        for sampler in ("euler", "dpm++2m")
    }
    cases |= {
        f"model {model}, {sampler}": Case(model=model, sampling={"sampler": sampler})
        for model in MODELS
        for sampler in ("ddim", "plms", "euler_ancestral", "unipc")
    }
    worded = {
        "no prompt": "",
        "editing": "a [red:blue:0.5] cube on [grass|sand]",
        "added and removed": "a cube [on grass:2] [on sand::0.4]",
        "AND": f"{CUBE} AND {BALL} :0.6 AND a cone :-0.3",
        "weights": "a (red:1.4) cube on ((wooden)) floor, [grass]",
        "BREAK": f"{CUBE} BREAK {BALL}",
    }
    cases |= {f"prompt: {name}": Case({"prompt": text}) for name, text in worded.items()}
    cases |= {
        f"weighting {name}": Case({"prompt": worded["weights"], "weighting": name})
        for name in ("a1111", "comfy", "none")
    }
    two: dict[str, Any] = {"batch_size": 2, "deterministic": False}
    both_long = {"prompt": LONG, "negative_prompt": LONG.replace("red", "green")}
    return cases | {
        "prompt: BREAK": Case({"prompt": worded["BREAK"], "negative_prompt": f"{BALL} BREAK a"}),
        "prompt: long": Case({"prompt": LONG}, {"guidance_scale": 1}),
        "prompt: long, weights": Case({"prompt": f"(red:1.3), {LONG}"}, {"guidance_scale": 1}),
        "prompt: long, negative as long": Case(both_long),
        "negative prompt": Case({"negative_prompt": "a [green:blue:0.5] (cone:1.2)"}),
        "clip skip 2": Case({"clip_skip": 2}),
        "clip skip 3, epsilon": Case({"clip_skip": 3}, model="epsilon"),
        "variations": Case({"images": 2}, {"variation_strength": 0.3, "variation_seed": 9}),
        "guidance 0": Case(sampling={"guidance_scale": 0}),
        "guidance rescale": Case(sampling={"guidance_rescale": 0.7}),
        "guidance rescale, AND": Case({"prompt": worded["AND"]}, {"guidance_rescale": 0.7}),
        "guidance interval": Case(sampling={"guidance_start": 0.3, "guidance_end": 0.8}),
        "guidance schedule": Case(sampling={"guidance_schedule": [1, 7, 3]}),
        "threshold": Case(sampling={"threshold": 0.9}),
        "threshold, pixel": Case(sampling={"threshold": 0.995}, model="pixel"),
        "eta": Case(sampling={"sampler": "ddim", "eta": 0.5}),
        "noise torch": Case({"images": 2}, {"noise": "torch", "sampler": "euler_ancestral"}),
        "noise nv": Case({"images": 2}, {"noise": "nv", "sampler": "euler_ancestral"}),
        "size": Case({"width": 96, "height": 160}),
        "size, v": Case({"width": 24, "height": 20}, model="v"),
        "several prompts": Case({"prompt": [CUBE, BALL, ""], "images": 2}, {"steps": 3}),
        "batch of 2": Case({"prompt": [CUBE, BALL]}, **two),
        "batch of 2, ancestral": Case({"images": 2}, {"sampler": "euler_ancestral"}, **two),
        "batch of 2, SDE": Case({"prompt": [CUBE, BALL]}, {"sampler": "dpm++sde"}, **two),
        "batch of 2, editing": Case({"prompt": [worded["editing"], CUBE]}, **two),
        "batch of 2, AND": Case({"prompt": [worded["AND"], CUBE]}, **two),
        "batch of 2, long": Case(both_long | {"prompt": [LONG, LONG.replace("on", "in")]}, **two),
        "batches as they suit": Case({"images": 3}, deterministic=False, model="v"),
        "sweep": Case(over={"guidance_scale": [2, 6], "sampler": ["ddim", "k_dpm++2m"]}),
        "sweep in batches": Case(over={"prompt": [CUBE, BALL], "seed": [1, 5]}, **two),
        "unequal: long, no negative": Case({"prompt": LONG}),
        "unequal: 2 and 3 chunks": Case(both_long | {"prompt": LONGER}),
        "unequal: batch of 1 and 2": Case({"prompt": [CUBE, LONG]}, **two),
        "unequal: batch of 2 and 3": Case({"prompt": [LONG, LONGER]}, **two),
    }


class LastOutput:
    """The last tensor of a picture's form that any network put out: what is rounded to pixels."""

    def __init__(self) -> None:
        self.tensor: Tensor | None = None
        register_module_forward_hook(self._hook)

    def _hook(self, module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            self.tensor = output


def run_requests(inputs: Path, work: Path, results: Path) -> None:
    load = cache(lambda name: calotype.load(name if name == "scenes" else inputs / name))
    last = LastOutput()

    def make(case: Case) -> Mapping[str, Tensor]:
        sampling = {"steps": STEPS, "seed": 7} | dict(case.sampling)
        asked = {"prompt": CUBE, "sampling": sampling} | dict(case.request)
        request: Any = calotype.TextToImage.model_validate(asked)
        if case.over:
            request = calotype.Sweep(base=request, over=dict(case.over))
        made = calotype.run(load(case.model), request, case.batch_size, case.deterministic)
        found = {f"picture {p.index}": pixels(p.image) for p in made}
        assert last.tensor is not None
        return found | {"the decoder's last output": last.tensor.clone()}

    cases = requests()
    for number, (name, case) in enumerate(cases.items(), 1):
        with recorded(name, f"{number}/{len(cases)}", results) as folder:
            save_file(dict(make(case)), folder / "pictures.safetensors")


def pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image))


CONVERSIONS: dict[str, tuple[str, ...]] = {
    "epsilon: folder to file": ("{inputs}/epsilon", "{work}/epsilon.safetensors"),
    "epsilon: file to folder": ("{work}/epsilon.safetensors", "{work}/epsilon"),
    "epsilon: folder to folder, fp16": ("{inputs}/epsilon", "{work}/half", "--dtype", "fp16"),
    "epsilon: folder to file, bf16": ("{inputs}/epsilon", "{work}/b.safetensors", "--dtype=bf16"),
    "v: folder to file": ("{inputs}/v", "{work}/v.safetensors"),
    "v: file to folder": ("{work}/v.safetensors", "{work}/v"),
    "v: the other autoencoder": ("{inputs}/v", "{work}/v2", "--vae", "{inputs}/vae.ckpt"),
    "trained file to folder": ("{inputs}/trained.safetensors", "{work}/trained"),
    "trained file to folder, averages": ("{inputs}/trained.safetensors", "{work}/mean", "--ema"),
    "pickles in a folder to folder": ("{inputs}/pickled", "{work}/pickled"),
    "pixel: folder to file": ("{inputs}/pixel", "{work}/pixel.safetensors"),
    "pixel: file to folder": ("{work}/pixel.safetensors", "{work}/pixel"),
    "KL alone: folder to file": ("{inputs}/epsilon/vae", "{work}/vae.safetensors"),
    "KL alone: file to folder": ("{work}/vae.safetensors", "{work}/vae"),
    "KL alone: pickle to folder": ("{inputs}/vae.ckpt", "{work}/vae-ckpt"),
    "VQ alone: folder to file": ("{inputs}/vq", "{work}/vq.safetensors"),
    "VQ alone: file to folder": ("{work}/vq.safetensors", "{work}/vq"),
    "VQ alone: pickle to file": ("{inputs}/vq.ckpt", "{work}/vq-ckpt.safetensors"),
    "scenes: folder to file, fp32": ("scenes", "{work}/s.safetensors", "--dtype", "fp32"),
}


def run_conversions(inputs: Path, work: Path, results: Path) -> None:
    for number, (name, words) in enumerate(CONVERSIONS.items(), 1):
        with recorded(name, f"{number}/{len(CONVERSIONS)}", results) as folder:
            arguments = [word.format(inputs=inputs, work=work) for word in words]
            command("convert", *arguments)
            keep_tensors(Path(arguments[1]), folder)


def run_recipes(inputs: Path, work: Path, results: Path, resume: bool = False) -> None:
    """Each recipe of ``inputs``, a tree's folder of recipes, or those whose checkpoints are here.

    ``work`` holds the runs: recipes say where in it.
    """
    keys = {line.split(":")[0] for line in command("train", "--keys").splitlines()}
    # Those that stand on another's run come last: recipes/tiny/text on tiny/kl.
    recipes = sorted(inputs.glob("*/*.toml"), key=lambda path: ("runs/" in latents_of(path), path))
    for number, recipe in enumerate(recipes, 1):
        name = f"{recipe.parent.name}-{recipe.stem}"
        cwd = work / name if resume else work
        if resume and not cwd.is_dir():
            continue
        with recorded(name, f"{number}/{len(recipes)}", results) as folder, contextlib.chdir(cwd):
            given = [*overrides(recipe, keys), *(["--resume"] if resume else [])]
            run = Path(command("train", str(recipe), *given)).parent
            last = max((run / "checkpoints").glob("*.safetensors"))
            os.link(last, folder / "checkpoint.safetensors")
            lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
            figures = {
                f"{key}, step {step}": torch.tensor(value, dtype=torch.float64)
                for step, line in enumerate(lines)
                for key, value in line.items()
            }
            save_file(figures, folder / "journal.safetensors")
            (preview,) = (run / "previews").glob("*64.png")
            save_file({"pixels": pixels(Image.open(preview))}, folder / "preview.safetensors")
            (folder / "run").write_text(str(run))  # where in ``work``


def overrides(recipe: Path, keys: set[str]) -> list[str]:
    """The arguments that cut a recipe short, by the keys that its tree knows."""
    text = recipe.read_text()
    given: list[str] = []
    for names, value in OVERRIDES:
        tables = [name for name in names if f"[{name.rpartition('.')[0]}]" in text]
        if key := next((name for name in tables if name in keys), None):
            given += ["-s", f"{key}={value}"]
    return given


def latents_of(recipe: Path) -> str:
    """The line of a recipe that names the autoencoder it diffuses in; "" where none does."""
    lines = recipe.read_text().splitlines()
    return next((line.split("#")[0] for line in lines if line.startswith("autoencoder =")), "")


SHOTS: dict[str, tuple[str, ...]] = {
    "scenes": (CUBE,),
    "ancestral, edited": ("a [red:blue:0.5] cube", "--sampler", "Euler a", "--seed", "11"),
    "variation": (CUBE, "--variation-strength", "0.4", "--guidance-rescale", "0.5"),
    "long, noise of torch": (LONG, "--noise", "torch", "--guidance-scale", "1"),
    "second of two": (CUBE, "--images", "2", "--negative-prompt", BALL),
    "clip skip, schedule": (CUBE, "--clip-skip", "2", "--schedule", "karras"),
    "epsilon": (CUBE, "--model", "{inputs}/epsilon", "--sampler", "plms"),
    "zero": (CUBE, "--model", "{inputs}/zero", "--noise", "nv"),
}


def run_shots(inputs: Path, work: Path, results: Path) -> None:
    """Pictures to be replayed, one folder each."""
    for number, (name, words) in enumerate(SHOTS.items(), 1):
        with recorded(name, f"{number}/{len(SHOTS)}", results) as folder:
            arguments = [word.format(inputs=inputs) for word in words]
            steps = ("--steps", str(STEPS), "--deterministic", "--out", str(folder))
            command("generate", *arguments, *steps)


def run_replays(inputs: Path, work: Path, results: Path) -> None:
    """The pictures in ``work``, written by the other tree, made again."""
    for number, (name, words) in enumerate(SHOTS.items(), 1):
        with recorded(name, f"{number}/{len(SHOTS)}", results) as folder:
            picture = max((work / name).glob("*.*"))
            model = [word.format(inputs=inputs) for word in words if word.startswith("{inputs}")]
            given = ("--model", *model) if model else ()
            command("replay", str(picture), *given, "--out", str(folder))


@contextlib.contextmanager
def recorded(name: str, place: str, results: Path) -> Iterator[Path]:
    """The folder of a case's results; what goes wrong is written there, the next case follows."""
    folder = results / name
    folder.mkdir()
    began = time.perf_counter()
    try:
        yield folder
        ended = ""
    except Refused as refused:
        ended = str(refused)
        (folder / "refused").write_text(ended)
    except Exception as error:  # whatever it is, it is this case's result
        ended = f"{type(error).__name__}: {error}"
        (folder / "failed").write_text(ended)
    took = f"{time.perf_counter() - began:.1f} s"
    print(f"{results.name} {place} {name} ({took}) {ended}", file=sys.stderr, flush=True)


class Refused(Exception):
    """The command line's message about a mistake of its user: exit status 2."""


def command(*arguments: str) -> str:
    """What `calotype ARGUMENTS` prints; an error with what it says if its status is not 0."""
    out, err = io.StringIO(), io.StringIO()
    kept, sys.argv = sys.argv, ["calotype", *arguments]
    status: Any = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_module("calotype", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.argv = kept
    if status:
        said = " ".join(err.getvalue().split())[-400:]
        raise Refused(said) if status == 2 else RuntimeError(f"status {status}: {said}")
    return out.getvalue().strip()


def keep_tensors(written: Path, folder: Path) -> None:
    """Move the safetensors files of a written folder or file to a case's results, under links."""
    files = [written] if written.is_file() else sorted(written.rglob("*.safetensors"))
    for path in files:
        name = "file" if path == written else "-".join(path.relative_to(written).parts)
        os.link(path, folder / f"{name.removesuffix('.safetensors')}.safetensors")


PARTS: dict[str, Callable[[Path, Path, Path], None]] = {
    "requests": run_requests,
    "convert": run_conversions,
    "recipes": run_recipes,
    "resume": lambda inputs, work, results: run_recipes(inputs, work, results, resume=True),
    "shots": run_shots,
    "replay": run_replays,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    for name in ("tree", "inputs", "work", "results"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    assert Path(calotype.__file__).is_relative_to(given.tree), calotype.__file__
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")
    for folder in (given.work, given.results):
        folder.mkdir(parents=True, exist_ok=True)
    PARTS[given.part](given.inputs, given.work, given.results)


if __name__ == "__main__":
    main()
