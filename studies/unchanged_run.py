"""What `unchanged.py` runs in each tree: requests, conversions, recipes, replays.

    PYTHONPATH=TREE/src python studies/unchanged_run.py PART TREE INPUTS WORK RESULTS

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
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from unchanged_cases import CONVERSIONS, CUBE, OVERRIDES, REQUESTS, SHOTS, STEPS, Case

import calotype


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

    def make(case: Case, folder: Path) -> None:
        sampling = {"steps": STEPS, "seed": 7} | dict(case.sampling)
        asked = {"prompt": CUBE, "sampling": sampling} | dict(case.request)
        request: Any = calotype.TextToImage.model_validate(asked)
        if case.over:
            request = calotype.Sweep(base=request, over=dict(case.over))
        how = {"batch_size": case.batch_size, "deterministic": case.deterministic}
        made = calotype.run(load(case.model), request, **how)
        found = {f"picture {picture.index}": pixels(picture.image) for picture in made}
        save_file(found, folder / "pixels.safetensors")
        assert last.tensor is not None
        save_file({"last": last.tensor.clone()}, folder / "before rounding.safetensors")

    for number, (name, case) in enumerate(REQUESTS.items(), 1):
        with recorded(name, f"{number}/{len(REQUESTS)}", results) as folder:
            make(case, folder)


def pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image))


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
            preview = Image.open(max((run / "previews").glob("*.png")))
            save_file({"pixels": pixels(preview)}, folder / "preview.safetensors")
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
