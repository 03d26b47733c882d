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
from calotype import Request, Sampling
from calotype.evaluation.scenes.judge import judge, load_reader
from calotype.evaluation.scenes.prompts import ScenePrompt, scene_prompts
from calotype.generate.denoising import Denoising
from calotype.generate.resolve import native_size, resolve
from calotype.generate.run import decode, prepared_batches, steps
from calotype.model import LatentDiffusion
from calotype.sampling import make_path
from calotype.scenes import render
from calotype.scenes.reader import Reader

SEED = 50_000  # of the noise
ENTERED = (0, 4, 7, 11, 15)  # steps of the walk that are left out
AT_ONCE = 16
GUIDANCE = 3.0


def entered(begun: Denoising, latents: Tensor, step: int) -> Denoising:
    """The walk from this step on, set out from these latents with noise of that level."""
    path = begun.path
    x = latents / path.final_alpha + begun.start * float(path.sigmas[step])
    return replace(begun, first=step, begin=lambda _: x)


def mistakes(
    model: LatentDiffusion, reader: Reader, asked: list[ScenePrompt], latents: Tensor, step: int
) -> list[set[str]]:
    """What is wrong in each picture of a walk entered at this step."""
    sampling = Sampling(guidance_scale=GUIDANCE, seed=SEED)
    request = Request(prompt=tuple(each.prompt for each in asked), sampling=sampling)
    singles = [resolve(model, request.single(k)) for k in range(len(asked))]
    found: list[set[str]] = []
    for numbers, begun in prepared_batches(model, singles, {}, AT_ONCE):
        if step:
            begun = entered(begun, latents[numbers], step)
        *_, last = steps(begun, begun.begin(None))
        for image, k in zip(decode(model, last.x * begun.path.final_alpha), numbers, strict=True):
            judged = judge(image, asked[k], reader)
            found.append({mistake.kind for mistake in judged.mistakes})
    return found


def encoded(model: LatentDiffusion, asked: list[ScenePrompt]) -> Tensor:
    """The latents of the scenes as they are."""
    shown = render([each.scene for each in asked], native_size(model)[0]).pictures
    return torch.cat([model.encode(part) for part in shown.to(model.device).split(AT_ONCE)])


def measured(model: LatentDiffusion, count: int) -> Iterator[str]:
    """The lines of the table."""
    reader = load_reader(model.device)
    walked = make_path(model.scheduler, Sampling().sampler, None, Sampling().steps)
    yield f"{'':6}{'one object':>20}{'two objects':>20}"
    yield f"{'t':>6}" + f"{'count':>10}{'any':>10}" * 2
    both = [scene_prompts("single", count), scene_prompts("pair", count)]
    given = [(asked, encoded(model, asked)) for asked in both]
    for step in ENTERED:
        row = f"{float(walked.schedule.t(walked.sigmas[step])):6.0f}"
        for asked, latents in given:
            found = mistakes(model, reader, asked, latents, step)
            row += f"{sum('count' in wrong for wrong in found) / count:10.2f}"
            row += f"{sum(map(bool, found)) / count:10.2f}"
        yield row


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="scenes", help="name or folder")
    parser.add_argument("--count", type=int, default=40, help="scenes of one object, and of two")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error(f"--count {arguments.count}: must be 1 or more")
    for line in measured(calotype.load(arguments.model), arguments.count):
        print(line, flush=True)


if __name__ == "__main__":
    main()
