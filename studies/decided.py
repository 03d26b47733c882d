"""When does the walk decide what is in a picture? True scenes, noised, and walked down from there.

    python studies/decided.py scenes --count 40

The table holds, by the noise level that the walk sets out from, the share of scenes that come back
with another number of objects than their caption says, and with anything wrong at all. Where a row
is no better than the one above it, what the noise still showed of the scene was of no use.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

import calotype
from calotype import Sampling, TextToImage
from calotype.evaluation.judge import load_reader
from calotype.evaluation.prompts import Asked
from calotype.evaluation.scenes import judge
from calotype.generate.together import batches, native_size, start
from calotype.generate.walk import Start, images, steps
from calotype.model import LatentDiffusion
from calotype.sampling import path
from calotype.scenes import SceneSource, describe, render

SEED = 50_000  # scenes that no recipe of ours trains on
ENTERED = (0, 4, 7, 11, 15)  # steps of the walk that are left out
AT_ONCE = 16
GUIDANCE = 3.0


def scenes(number: int, count: int) -> list[Asked]:
    """Scenes of so many objects with what is to be said of them."""
    source = SceneSource(SEED, count, objects=(number, number))
    found = [source.scene(index) for index in range(count)]
    return [Asked(describe(scene, material=False), scene) for scene in found]


def entered(begun: Start, latents: Tensor, step: int) -> Start:
    """The walk from this step on, set out from these latents with noise of that level."""
    sigmas = begun.path.sigmas[step:]
    noise = begun.x / begun.path.start
    rest = replace(begun.path, sigmas=sigmas, start=float(sigmas[0]))
    return replace(begun, x=latents / rest.final_alpha + noise * rest.start, path=rest)


def mistakes(model: LatentDiffusion, asked: list[Asked], step: int) -> list[set[str]]:
    """What is wrong in each picture of a walk entered at this step."""
    sampling, reader = Sampling(guidance_scale=GUIDANCE, seed=SEED), load_reader(model.device)
    request = TextToImage(prompt=tuple(each.prompt for each in asked), sampling=sampling)
    sized = request.sized(native_size(model), model.factor)
    found: list[set[str]] = []
    for batch in batches([(k, sized.alone(k)) for k in range(len(asked))], AT_ONCE, False):
        begun = start(model, batch, model.condition)
        these = [asked[index] for index in begun.indices]
        if step:
            shown = render([each.scene for each in these], native_size(model)[0]).pictures
            begun = entered(begun, model.encode(shown.to(model.device)), step)
        *_, last = steps(model, begun, sampling)
        made = images(model, last.x * begun.path.final_alpha)
        judged = [judge(image, each, reader) for image, each in zip(made, these, strict=True)]
        found += [{mistake.kind for mistake in each.mistakes} for each in judged]
    return found


def measured(model: LatentDiffusion, count: int) -> Iterator[str]:
    """The lines of the table."""
    walked = path(model.scheduler, Sampling().sampler, None, Sampling().steps)
    yield f"{'':6}{'one object':>20}{'two objects':>20}"
    yield f"{'t':>6}" + f"{'count':>10}{'any':>10}" * 2
    asked = [scenes(number, count) for number in (1, 2)]
    for step in ENTERED:
        row = f"{float(walked.schedule.t(walked.sigmas[step])):6.0f}"
        for each in asked:
            found = mistakes(model, each, step)
            row += f"{sum('count' in wrong for wrong in found) / count:10.2f}"
            row += f"{sum(map(bool, found)) / count:10.2f}"
        yield row


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="scenes", help="name or folder")
    parser.add_argument("--count", type=int, default=40, help="scenes of one object, and of two")
    arguments = parser.parse_args()
    for line in measured(calotype.load(arguments.model), arguments.count):
        print(line, flush=True)


if __name__ == "__main__":
    main()
