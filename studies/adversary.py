"""Does the reconstruction jump when the adversary enters? Two schedules from one autoencoder.

    python studies/adversary.py

The packaged autoencoder is trained on, with a discriminator that enters half-way: once as the
original code bases have it (one setting starts both sides at the same moment, the discriminator
knows nothing yet and is heard in full), once with a discriminator that has learned before it is
heard, ever more. Prints the reconstruction before and after, and draws both curves.
"""

import argparse
import json
from pathlib import Path

from matplotlib import pyplot

from calotype.settings import validated
from calotype.training import TrainSettings, train

SAMPLES, ENTERS = 4_800, 2_400
SCHEDULES = {
    "both start at once, in full": {"discriminator_start": ENTERS, "adversarial_ramp": 0},
    "learns first, then heard ever more": {"discriminator_start": 0, "adversarial_ramp": 1_600},
}
SMOOTH = 20  # steps that a point of the curve is the mean of
PICTURE = Path(__file__).parent / "pictures" / "adversary.png"


def settings(name: str, out: Path) -> TrainSettings:
    """A run with one of the schedules."""
    table = {
        "task": "autoencoder",
        "out": out,
        "data": {"source": "scenes", "count": 2_000, "size": 64, "cache": out.parent / "cache"},
        "loop": {"samples": SAMPLES, "batch_size": 8, "preview_every": 10**9},
        "optimizer": {"rate": 3e-4, "warmup": 400, "decay": "constant", "betas": (0.5, 0.9)},
        "autoencoder": {
            "start": "scenes",
            "scales": 1,
            "adversarial_weight": 0.5,
            "adversarial_start": ENTERS,
            **SCHEDULES[name],
        },
    }
    return validated(TrainSettings, table)


def curve(name: str, out: Path) -> tuple[list[int], list[float]]:
    """Samples seen and the L1 of the reconstruction, in means over some steps."""
    if not (out / "model").exists():
        for progress in train(settings(name, out)):
            if progress.samples % 800 == 0:
                print(f"  {name}: {progress.samples:,} samples", flush=True)
    lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    chunks = [lines[k : k + SMOOTH] for k in range(0, len(lines), SMOOTH)]
    l1 = [sum(line["l1"] for line in chunk) / len(chunk) for chunk in chunks]
    return [chunk[-1]["samples"] for chunk in chunks], l1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/adversary"))
    parser.add_argument("--picture", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    for number, name in enumerate(SCHEDULES):
        samples, l1 = curve(name, arguments.runs / str(number))
        before = [y for x, y in zip(samples, l1, strict=True) if ENTERS - 800 < x <= ENTERS]
        after = [y for x, y in zip(samples, l1, strict=True) if x > ENTERS]
        mean = sum(before) / len(before)
        print(
            f"{name}: L1 {mean:.4f} before, {max(after):.4f} at worst after, {after[-1]:.4f} last"
        )
        axes.plot(samples, l1, label=name)
    axes.axvline(ENTERS, color="grey", linestyle=":")
    axes.set(xlabel="samples", ylabel="L1 of the reconstruction", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    arguments.picture.parent.mkdir(exist_ok=True)
    figure.savefig(arguments.picture, dpi=110)


if __name__ == "__main__":
    main()
