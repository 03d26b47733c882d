"""Does this tree compute what another commit computes? Pixels and tensors, not files.

    python studies/unchanged.py BASE [--only requests|convert|recipes|replay]

Checks BASE out beside this working tree, runs both on this machine in fp32 on one thread each, side
by side, and says of each case whether it is unchanged, to the bit, or what differs:

- requests: every sampler, schedule, prediction and way to word a prompt, in few steps: pictures,
  and the last output of a network before it is rounded to pixels;
- convert: tiny models from folder to file and back, from pickles, autoencoders alone: the tensors;
- recipes: each cut to 64 samples, by each tree's own file: losses, and weights, averages and
  optimiser state of the last checkpoint; and BASE's runs, stopped half-way, resumed here;
- replay: pictures that BASE wrote, made again here.

What is run is in `unchanged_cases.py`; `unchanged_run.py` runs it in a tree, on tiny models made by
`unchanged_models.py`.
The exit status is 0 only if all is unchanged; cases named "unequal" are told apart and don't count,
and a run that is not resumed but refused with a reason doesn't either.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

HERE = Path(__file__).parents[1]
STUDIES = Path(__file__).parent
SIDES = ("base", "here")
EXPECTED = "unequal"  # how the names of cases begin that are expected to change
REFUSED = "refused"
PINNED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass
class Verdict:
    """What was found: names of cases by how they ended."""

    unchanged: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def tell(self, part: str, name: str, found: str, kept: list[str] | None = None) -> None:
        """Print a case and count it; ``found`` is empty where nothing differs.

        kept: one of the lists, where it is neither changed nor unchanged.
        """
        print(f"  {name:40} {found or 'unchanged'}", flush=True)
        if kept is None:
            kept = self.changed if found else self.unchanged
        kept.append(f"{part}: {name}")


@dataclass(frozen=True)
class Trees:
    """Both trees, and the folder where all that they make lies."""

    base: Path
    scratch: Path

    @property
    def models(self) -> Path:
        """The tiny models that both read."""
        return self.scratch / "models"

    def results(self, part: str, side: str) -> Path:
        """The folder of a part's results: its name is what progress is told by."""
        return self.scratch / "results" / f"{part}, {side}"

    def start(self, part: str, side: str, inputs: Path, work: Path) -> subprocess.Popen[bytes]:
        """Begin to run a part in one tree, "base" or "here"."""
        tree = {"base": self.base, "here": HERE}[side]
        words = [STUDIES / "unchanged_run.py", part, tree, inputs, work, self.results(part, side)]
        return subprocess.Popen([sys.executable, *words], env=environment(tree))

    def both(self, part: str, inputs: Mapping[str, Path]) -> None:
        """Run a part in both trees, side by side, each with its inputs."""
        wait(*(self.start(part, side, inputs[side], self.work(part, side)) for side in SIDES))

    def work(self, part: str, side: str) -> Path:
        """Where a part leaves what it makes on the way."""
        return self.scratch / "work" / part / side


def wait(*processes: subprocess.Popen[bytes]) -> None:
    """Wait until all ended; SystemExit if one of them did not get through its part."""
    if sum(abs(process.wait()) for process in processes):
        raise SystemExit("a part did not run to its end: see above")


def environment(tree: Path) -> dict[str, str]:
    """That of a process which is to import the tree's calotype."""
    return os.environ | PINNED | {"PYTHONPATH": str(tree / "src")}


def requests(trees: Trees, verdict: Verdict) -> None:
    trees.both("requests", dict.fromkeys(SIDES, trees.models))
    compare(
        "requests", trees.results("requests", "base"), trees.results("requests", "here"), verdict
    )


def convert(trees: Trees, verdict: Verdict) -> None:
    trees.both("convert", dict.fromkeys(SIDES, trees.models))
    compare("convert", trees.results("convert", "base"), trees.results("convert", "here"), verdict)


def recipes(trees: Trees, verdict: Verdict) -> None:
    trees.both("recipes", {"base": trees.base / "recipes", "here": HERE / "recipes"})
    base = trees.results("recipes", "base")
    compare("recipes", base, trees.results("recipes", "here"), verdict)
    work = trees.work("resume", "here")
    for case in sorted(base.iterdir()):
        if (case / "run").exists():
            halve(trees.work("recipes", "base"), work / case.name, (case / "run").read_text())
    wait(trees.start("resume", "here", HERE / "recipes", work))
    compare("resume", base, trees.results("resume", "here"), verdict)


def halve(work: Path, copy: Path, run: str) -> None:
    """A copy of a tree's runs in which one of them has lost its last checkpoint."""

    def put(source: str, target: str) -> None:  # checkpoints are large, and never written into
        (os.link if source.endswith(".safetensors") else shutil.copy2)(source, target)

    shutil.copytree(work, copy, copy_function=put)
    max((copy / run / "checkpoints").glob("*.safetensors")).unlink()


def replay(trees: Trees, verdict: Verdict) -> None:
    wait(trees.start("shots", "base", trees.models, trees.work("shots", "base")))
    shots = trees.results("shots", "base")
    wait(trees.start("replay", "here", trees.models, shots))
    print("\nreplay", flush=True)
    for case in sorted(shots.iterdir()):
        again = trees.results("replay", "here") / case.name
        verdict.tell("replay", case.name, ended(case) or ended(again))


PARTS = {"requests": requests, "convert": convert, "recipes": recipes, "replay": replay}


def ended(case: Path) -> str:
    """Why a case has no results; "" where it has."""
    if not case.is_dir():
        return "was not run"
    found = [path for name in (REFUSED, "failed") if (path := case / name).exists()]
    return f"{found[0].name}: {found[0].read_text()}" if found else ""


def compare(part: str, base: Path, here: Path, verdict: Verdict) -> None:
    """Tell of each case of BASE what differs here; those expected to change come last."""
    print(f"\n{part}", flush=True)
    names = sorted(path.name for path in base.iterdir())
    may_change = [name for name in names if name.startswith(EXPECTED)]
    for name in [name for name in names if name not in may_change] + may_change:
        if name in may_change[:1]:
            print("\n  expected to change: texts of unequal chunk counts in one call")
        wrong = ended(base / name) or ended(here / name)
        kept = verdict.expected if name in may_change and not wrong else None
        if part == "resume" and wrong.startswith(REFUSED):
            kept = verdict.refused
        verdict.tell(part, name, wrong or differences(base / name, here / name), kept)
    for name in sorted(path.name for path in here.iterdir() if path.name not in names):
        print(f"  {name:40} only here: not compared")


def differences(base: Path, here: Path) -> str:
    """What differs between the tensors of two folders of results; "" if nothing does."""
    left, right = opened(base), opened(here)
    odd = sorted(left.keys() ^ right.keys())
    if odd:
        return f"{len(odd)} of {len(left)} tensors on one side only: {', '.join(odd[:3])}"
    if not left:
        return "no tensors"
    largest: dict[str, float] = defaultdict(float)
    differing, total = 0, 0
    for name in left:
        file, key = name.split(": ", 1)
        one, other = (side[name].get_tensor(key) for side in (left, right))
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{name}: {tuple(one.shape)} {one.dtype}, {tuple(other.shape)} {other.dtype}"
        total += one.numel()
        apart, count = difference(one, other)
        differing += count
        if count:
            largest[file] = max(largest[file], apart)
    if not differing:
        return ""
    told = ", ".join(f"{file} by up to {apart:.3g}" for file, apart in largest.items())
    return f"differs: {told}; {differing / total:.2%} of all numbers"


def difference(one: Tensor, other: Tensor) -> tuple[float, int]:
    """The largest difference of two tensors of one form, and how many numbers differ."""
    if torch.equal(one, other):
        return 0.0, 0
    left, right = one.double(), other.double()
    differ = (left != right) & ~(left.isnan() & right.isnan())
    apart = (left - right)[differ].abs().nan_to_num(nan=float("inf"))
    return float(apart.max()) if apart.numel() else 0.0, int(differ.sum())


def opened(folder: Path) -> dict[str, safe_open]:
    """The open file of each tensor, by the file's and the tensor's name."""
    files = {path.stem: safe_open(path, framework="pt") for path in folder.glob("*.safetensors")}
    return {f"{stem}: {name}": file for stem, file in files.items() for name in file.keys()}  # noqa: SIM118


@contextmanager
def checked_out(commit: str) -> Iterator[Trees]:
    """Both trees, the commit's in a worktree of its own, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="unchanged-") as folder:
        scratch = Path(folder)
        git = ["git", "-C", str(HERE), "worktree"]
        tree = scratch / "base"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield Trees(tree, scratch)
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE", help="a commit")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    given = parser.parse_args()
    verdict, took = Verdict(), dict[str, float]()
    with checked_out(given.base) as trees:
        trees.models.mkdir()
        make = [sys.executable, STUDIES / "unchanged_models.py", trees.base, trees.models]
        subprocess.run(make, env=environment(trees.base), check=True, stdout=subprocess.DEVNULL)
        for part, run in PARTS.items():
            if given.only in (None, part):
                began = time.perf_counter()
                run(trees, verdict)
                took[part] = time.perf_counter() - began
    print("\n" + ", ".join(f"{part} {seconds:.0f} s" for part, seconds in took.items()))
    if verdict.refused:
        print(f"refused with a reason: {', '.join(verdict.refused)}")
    for name in verdict.changed:
        print(f"changed: {name}")
    count = len(verdict.unchanged)
    print(f"{len(verdict.changed)} changed, {count} unchanged" if verdict.changed else "unchanged")
    return 1 if verdict.changed else 0


if __name__ == "__main__":
    sys.exit(main())
