"""How far each sampler is after how many steps: docs/samplers.md, its plot and its sheet.

    make samplers      # or: python studies/samplers.py MODEL --count 8 --steps 5 10

The model follows every sampler with the same noise. Those that add none on their way all go down
the same curve: how far their latents end from those of a thousand steps is their error. What all of
them are for is told by the reader: the share of pictures that show everything their prompt states.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib import pyplot
from PIL import Image
from torch import Tensor

import calotype
from calotype import Request, Sampling
from calotype.evaluation.intervals import Share
from calotype.evaluation.scenes.judge import judge, load_reader
from calotype.evaluation.scenes.prompts import ScenePrompt, scene_prompts
from calotype.generate.names import WEB_UI_SAMPLERS
from calotype.generate.resolve import resolve
from calotype.generate.run import decode, prepared_batches
from calotype.generate.run import steps as denoising_steps
from calotype.generate.sheets import labelled_sheet
from calotype.model import LatentDiffusion
from calotype.sampling import SAMPLERS

STEPS = (5, 10, 20, 50)
TRUTH, MANY = "dpm++2m", 1000  # of second order: more exact than Euler's thousand
GUIDANCE = 3.0
SEED = 70_000
SIDE_BY_SIDE = 16
COMPARED = 4  # the first prompts, whose latents are compared: a thousand steps take their time
SHOWN = "a large blue cube to the left of a small red sphere on a wooden floor"
DOCS = Path(__file__).parents[1] / "docs"
CURVES = [name for name, s in SAMPLERS.items() if not (name.startswith("k_") or s.eta or s.draws)]
# Restart and LCM draw noise, Heun's churn draws none unless asked for.
CURVES += ["heun"]
NAMES = [name for name in SAMPLERS if not name.startswith("k_")]


@dataclass(frozen=True)
class Walked:
    """What one sampler made of the prompts in so many steps."""

    latents: Tensor
    images: list[Image.Image]
    calls: int


class Counted:
    """A model whose UNet counts how often it is called."""

    def __init__(self, model: LatentDiffusion) -> None:
        self.model, self.calls = model, 0
        model.unet.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.calls += 1

    def walked(self, texts: list[str], name: str, steps: int) -> Walked:
        """The pictures of these prompts."""
        sampling = Sampling.model_validate(
            {"sampler": name, "steps": steps, "guidance_scale": GUIDANCE, "seed": SEED}
        )
        request = Request(prompt=tuple(texts), sampling=sampling)
        singles = [resolve(self.model, request.single(k)) for k in range(len(texts))]
        latents: list[Tensor] = []
        self.calls, count = 0, 0
        with torch.inference_mode():
            for _, begun in prepared_batches(self.model, singles, {}, SIDE_BY_SIDE):
                *_, last = denoising_steps(begun, begun.begin(None))
                latents.append(last.x * begun.path.final_alpha)
                count += 1
            found = torch.cat(latents)
            return Walked(found, decode(self.model, found), self.calls // count)


@dataclass(frozen=True)
class Row:
    """One sampler at one number of steps.

    distance: relative root mean square to the latents of the truth, None where noise is added.
    right: the share of pictures that show everything their prompt states.
    """

    name: str
    steps: int
    calls: int
    distance: float | None
    right: Share


def measured(model: LatentDiffusion, count: int, steps: list[int]) -> Iterator[Row]:
    """The rows of the table, sampler by sampler."""
    counted, reader = Counted(model), load_reader(model.device)
    kinds = scene_prompts("single", count // 2), scene_prompts("pair", count // 2)
    asked: list[ScenePrompt] = [each for both in zip(*kinds, strict=True) for each in both]
    texts = [each.prompt for each in asked]
    truth = counted.walked(texts[:COMPARED], TRUTH, MANY).latents
    for name in NAMES:
        for number in steps:
            made = counted.walked(texts, name, number)
            pairs = zip(made.images, asked, strict=True)
            right = sum(not judge(image, each, reader).mistakes for image, each in pairs)
            apart = float((made.latents[:COMPARED] - truth).norm() / truth.norm())
            distance = apart if name in CURVES else None
            yield Row(name, number, made.calls, distance, Share(right, len(texts)))


def plot(rows: list[Row], path: Path) -> None:
    """Distance against network calls, both logarithmic."""
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name in CURVES:
        found = [row for row in rows if row.name == name]
        axes.plot(
            [row.calls for row in found],
            [row.distance for row in found],
            marker="o",
            markersize=4,
            label=WEB_UI_SAMPLERS[name],
        )
    axes.set(xscale="log", yscale="log", xlabel="network calls", ylabel="distance")
    axes.set_title(f"to the latents of {MANY} steps, relative root mean square", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def sheet(model: LatentDiffusion, steps: list[int], path: Path) -> None:
    """One prompt and one seed: samplers down, steps across."""
    counted = Counted(model)
    shown = [counted.walked([SHOWN], name, n).images[0] for name in NAMES for n in steps]
    names = [WEB_UI_SAMPLERS[name] for name in NAMES]
    labelled_sheet(shown, [f"{number} steps" for number in steps], names, SHOWN).save(path)


def page(rows: list[Row], model: str, count: int, minutes: float) -> str:
    """docs/samplers.md."""
    lines = [HEAD.format(model=model, count=count, guidance=GUIDANCE)]
    steps = sorted({row.steps for row in rows})
    lines += ["", "| | " + " | ".join(f"{n} steps" for n in steps) + " | calls a step |"]
    lines += ["|---" * (len(steps) + 2) + "|"]
    for name in CURVES:
        found = [row for row in rows if row.name == name]
        cells = [f"{row.distance:.4f}" for row in found]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {_calls(found)} |")
    lines += ["", MIDDLE.format(count=count, one=1 / count), ""]
    lines += ["| | " + " | ".join(f"{n} steps" for n in steps) + " | calls a step |"]
    lines += ["|---" * (len(steps) + 2) + "|"]
    for name in NAMES:
        found = [row for row in rows if row.name == name]
        cells = [f"{row.right.fraction:.2f}" for row in found]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {_calls(found)} |")
    lines += ["", TAIL.format(**_chosen(rows), minutes=minutes)]
    return "\n".join(lines) + "\n"


def _calls(found: list[Row]) -> str:
    low, high = (f([row.calls / row.steps for row in found]) for f in (min, max))
    return f"{high:.3g}" if high - low < 0.05 else f"{low:.2g} to {high:.2g}"


def _chosen(rows: list[Row]) -> dict[str, object]:
    """What the page says of the default, in figures."""
    own = {row.steps: row for row in rows if row.name == Sampling().sampler}
    first, last = min(own), max(own)
    at = max((n for n in own if n <= Sampling().steps), default=first)
    return {
        "name": Sampling().sampler,
        "steps": Sampling().steps,
        "at": at,
        "standing": ",\n".join(_standing(rows, row) for row in own.values()),
        "right": own[at].right.fraction,
        "low": own[at].right.interval[0],
        "high": own[at].right.interval[1],
        "last": last,
        "last_right": own[last].right.fraction,
    }


def _standing(rows: list[Row], own: Row) -> str:
    best = min(
        (row for row in rows if row.distance is not None and row.calls <= own.calls + 1),
        key=lambda row: row.distance or 0,
    )
    return f"after {own.steps} steps {own.distance:.3f}, `{best.name}` {best.distance:.3f}"


HEAD = """\
# Samplers

What each sampler makes of the same noise, on the model `{model}`: {count} prompts of `calotype
evaluate`, half of one object, half of two, guidance {guidance:g}, each sampler on the path that it
takes by default. `make samplers` makes this page.

![every sampler at each number of steps](pictures/samplers.png)

## Those that add no noise

They follow one curve, so there is an error: how far their latents end from those of a thousand
steps of DPM++ 2M, as a root mean square relative to the latents' own, over the first four prompts.

![distance against network calls](pictures/samplers-plot.png)
"""
MIDDLE = """\
## All of them

The share of {count} pictures that show everything their prompt states, as the reader tells. With so
few, neighbours can't be told apart: one picture more or less is {one:.2f}. `calotype evaluate
--sampler NAME --steps N` measures one of them as well as one likes. `lcm` is for models that were
distilled for it, which this one is not."""
TAIL = """\
## The default

`{name}` in {steps} steps. How far it is from the end of its curve, and the nearest of those that
call the network as often:
{standing}.

After {at} steps {right:.2f} ({low:.2f}-{high:.2f}) of its pictures show what they should, after
{last} {last_right:.2f}. It calls the network once a step, and needs no noise, so that the picture
stays the same when the steps change. What more prompts say of its rivals is in
[recipes/scenes](../recipes/scenes/README.md#what-it-reaches).

Made in {minutes:.0f} minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="scenes", help="name or folder")
    parser.add_argument("--count", type=int, default=40, help="prompts, an even number")
    parser.add_argument("--steps", type=int, nargs="+", default=[*STEPS], choices=range(1, 51))
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the page")
    arguments = parser.parse_args()
    pictures = arguments.docs / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    rows: list[Row] = []
    for row in measured(calotype.load(arguments.model), arguments.count, arguments.steps):
        rows.append(row)
        apart = "" if row.distance is None else f"{row.distance:.4f}"
        print(f"{row.name:20}{row.steps:5}{row.calls:5} {apart:8} {row.right}", flush=True)
    plot(rows, pictures / "samplers-plot.png")
    sheet(calotype.load(arguments.model), arguments.steps, pictures / "samplers.png")
    minutes = (time.monotonic() - began) / 60
    text = page(rows, arguments.model, arguments.count, minutes)
    (arguments.docs / "samplers.md").write_text(text)


if __name__ == "__main__":
    main()
