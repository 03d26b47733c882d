"""How much of a picture depends on what is made beside it: docs/reproducibility.md.

    make reproducibility      # or: python studies/batches.py MODEL --count 16

The same requests in one batch, in another order, alone, and with other numbers of threads: the
noise is the same to the bit, the networks' sums are split otherwise. One by one, nothing differs.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

import calotype
from calotype import Picture, Request, Sampling
from calotype.generate.pictures import difference
from calotype.model import LatentDiffusion

SAMPLERS = ("ddim", "euler_ancestral", "dpm++2m")
STEPS = 20
WORDS = ("a small red cube on a wooden floor", "a large blue sphere to the left of a green cone")
DOCS = Path(__file__).parents[1] / "docs"

HEAD = """\
# The same picture again

Picture k of a request with seed S is seed S + k: its noise, first and on the way, is a function of
seed, step and purpose, the same to the bit in any batch, order, process and on any device. The
networks' sums are not: their last bits depend on how a matrix product is split, which depends on
the size of the batch and the number of threads. `make reproducibility` measures what is left of
that in {count} pictures of each sampler, {steps} steps on the model `{model}`, float32 on a CPU:
the largest difference of 255, and the share of all numbers that differ at all.
"""
TAIL = """
With `--deterministic` pictures are made one by one, and `calotype replay` takes as many threads as
the picture says that it was made with: on the same kind of processor and the same version of torch
the picture comes back bit for bit, whatever was made beside it."""


def made(
    model: LatentDiffusion, request: Request, size: int, deterministic: bool = False
) -> list[Picture]:
    """The pictures of a request in batches of this size."""
    return calotype.run(model, request, size, deterministic)


def compared(one: list[Picture], other: list[Picture]) -> str:
    """The largest difference, and how many numbers differ."""
    found = [difference(a.image, b.image) for a, b in zip(one, other, strict=True)]
    most = max(most or 0 for most, _ in found)
    share = sum(share for _, share in found) / len(found)
    return f"{most}, {share:.3%}" if most else "0"


def with_threads(count: int, make: Callable[[], list[Picture]]) -> list[Picture]:
    """What is made by this number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return make()
    finally:
        torch.set_num_threads(before)


def rows(model: LatentDiffusion, count: int) -> Iterator[str]:
    """The table."""
    yield "| | batches of 8, or alone | 1 thread, or 2 | one by one: of 8, or alone | threads |"
    yield "|---|---|---|---|---|"
    torch.set_num_threads(2)
    for name in SAMPLERS:
        sampling = Sampling.model_validate({"sampler": name, "steps": STEPS, "guidance_scale": 3})
        request = Request(prompt=WORDS, images=count // len(WORDS), sampling=sampling)
        alone = [made(model, request.single(k), 1)[0] for k in range(len(request))]
        beside = made(model, request, 8)
        exact = made(model, request, 8, deterministic=True)
        again = [made(model, request.single(k), 8, True)[0] for k in reversed(range(len(request)))]
        other = with_threads(1, lambda request=request: made(model, request, 8))
        single = with_threads(1, lambda request=request: made(model, request, 8, True))
        yield (
            f"| {name} | {compared(beside, alone)} | {compared(beside, other)} "
            f"| {compared(exact, again[::-1])} | {compared(exact, single)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="scenes", help="name or folder")
    parser.add_argument("--count", type=int, default=32, help="pictures of each sampler")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the page")
    arguments = parser.parse_args()
    lines = [HEAD.format(model=arguments.model, count=arguments.count, steps=STEPS)]
    for row in rows(calotype.load(arguments.model), arguments.count):
        print(row, flush=True)
        lines.append(row)
    (arguments.docs / "reproducibility.md").write_text("\n".join([*lines, TAIL]) + "\n")


if __name__ == "__main__":
    main()
