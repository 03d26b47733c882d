"""What a wrong word costs at each noise level: how much of a caption a model uses, and where.

    python studies/words.py scenes runs/scenes/longer/model --count 96

Held-out scenes are encoded and noised alike for all captions: the true one, and those with other
shapes, other colours, the other size or the other side. The table holds the loss with the true
caption, and by how many percent each lie raises it; nothing, where the model doesn't listen.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

import calotype
from calotype.diffusion import normal, training_loss
from calotype.model import LatentDiffusion
from calotype.scenes import COLOURS, SHAPES, Scene, SceneSource, describe

LEVELS = (50, 250, 450, 600, 700, 800, 900, 960, 999)
SEED = 40_000  # scenes that no recipe of ours trains on
AT_ONCE = 32


def after(values: tuple[str, ...], value: str) -> str:
    """The value that comes after this one, all round."""
    return values[(values.index(value) + 1) % len(values)]


def changed(scene: Scene, name: str, values: tuple[str, ...]) -> str:
    """The caption of a scene that has another value of this attribute in each object."""
    objects = tuple(
        replace(thing, **{name: after(values, getattr(thing, name))}) for thing in scene.objects
    )
    return describe(replace(scene, objects=objects), material=False)


def swapped(scene: Scene) -> str:
    """The caption with left for right and right for left."""
    words = describe(scene, material=False).split(" ")
    sides = {"left": "right", "right": "left"}
    return " ".join(sides.get(word, word) for word in words)


LIES: dict[str, Callable[[Scene], str]] = {
    "shapes": lambda scene: changed(scene, "shape", SHAPES),
    "colours": lambda scene: changed(scene, "colour", tuple(COLOURS)),
    "sizes": lambda scene: changed(scene, "size", ("small", "large")),
    "sides": swapped,
}


def losses(model: LatentDiffusion, latents: Tensor, captions: dict[int, str], t: int) -> Tensor:
    """The loss of the samples of these numbers at one noise level; each has noise of its own."""
    found = []
    for numbers in torch.tensor(list(captions)).split(AT_ONCE):
        part = latents[numbers]
        found.append(
            training_loss(
                model.unet,
                model.scheduler.schedule,
                model.scheduler.prediction_type,
                part,
                torch.full((len(part),), t),
                normal(SEED, numbers, "noise", part.shape[1:]),
                model.conditioner({"captions": [captions[k] for k in numbers.tolist()]}),
            )
        )
    return torch.cat(found)


def measured(model: LatentDiffusion, pictures: Tensor, scenes: list[Scene]) -> Iterator[str]:
    """The lines of a model's table."""
    latents = torch.cat([model.encode(part) for part in pictures.split(AT_ONCE)])
    true = {number: describe(scene, material=False) for number, scene in enumerate(scenes)}
    told = {
        name: {n: said for n, scene in enumerate(scenes) if (said := lie(scene)) != true[n]}
        for name, lie in LIES.items()
    }
    yield f"{'t':>6}{'loss':>8}" + "".join(f"{name:>10}" for name in LIES)
    for t in LEVELS:
        right = losses(model, latents, true, t)
        row = f"{t:>6}{right.mean():8.3f}"
        for captions in told.values():
            if not captions:  # too few scenes to lie about
                row += f"{'':10}"
                continue
            wrong = losses(model, latents, captions, t)
            row += f"{100 * (wrong.mean() / right[list(captions)].mean() - 1):+9.2f}%"
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", default=["scenes"], help="names or folders")
    parser.add_argument("--count", type=int, default=96, help="scenes, half of them of two objects")
    arguments = parser.parse_args()
    half = arguments.count // 2
    sources = [SceneSource(SEED, half, objects=(n, n)) for n in (1, 2)]
    scenes = [source.scene(index) for source in sources for index in range(half)]
    examples = [example for source in sources for example in source.examples(range(half))]
    pictures = torch.stack([example.picture for example in examples])
    for name in arguments.models:
        print(name)
        with torch.inference_mode():
            for line in measured(calotype.load(name), pictures, scenes):
                print(line, flush=True)


if __name__ == "__main__":
    main()
