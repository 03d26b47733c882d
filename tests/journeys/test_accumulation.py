"""Gradient accumulation: one optimiser step of several batches, each in the memory of one."""

import json
from pathlib import Path

import pytest
import torch
from runs import BATCH, changed, run_of

from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.training import TrainSettings, train
from calotype.training.state import checkpoints

ACCUMULATE = {"accumulate": 2}


def state_of(settings: TrainSettings) -> dict[str, torch.Tensor]:
    return read_safetensors(checkpoints(settings.out)[-1])


# Tasks in whose loss a sample doesn't depend on the others of its batch. Not among them: codebooks,
# whose running means move at each batch; a reader, whose means are over the cells near objects.
@pytest.mark.parametrize("kind", ["autoencoder", "diffusion", "pixels", "features"])
@pytest.mark.parametrize("size", [4, 3])
def test_batches_that_are_added_up_are_one_large_batch(
    kind: str, size: int, folder: Path, autoencoder: Path, tmp_path: Path
) -> None:
    """Also where the last one is smaller: each sample counts alike.

    To the rounding of float32 sums in another order. Gradients are compared, by AdamW's first
    moment, not weights: where a gradient is zero but for rounding, AdamW takes a whole step.
    """
    found = []
    for batch_size, accumulate in ((4, 1), (2, 2)):
        settings = run_of(kind, folder, tmp_path / str(accumulate), size, autoencoder)
        list(train(changed(settings, loop={"batch_size": batch_size, "accumulate": accumulate})))
        (line,) = (json.loads(line) for line in (settings.out / "journal.jsonl").open())
        found.append((line, state_of(settings)))
    (once, one), (twice, two) = found
    assert once.pop("samples") == twice.pop("samples") == size
    assert twice == pytest.approx(once, rel=1e-5)
    moments = [name for name in one if name.endswith("/exp_avg")]
    largest = max(float(one[name].abs().max()) for name in moments)
    for name in moments:
        # Sums of thousands of float32 numbers that nearly cancel, so relative to the largest
        # gradient: 7e-5 at most where this was written. A mean of the batches' means, in which
        # samples of the smaller one count more, is 3e-2 off at least.
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=3e-4 * largest)


@pytest.mark.parametrize("kind", ["adversarial", "codebook by ema", "diffusion"])
def test_two_steps_and_two_more_are_four(
    kind: str, folder: Path, autoencoder: Path, tmp_path: Path
) -> None:
    """The law of resumption, where a step is two batches; the last step has one."""
    unbroken, broken = (
        changed(run_of(kind, folder, tmp_path / name, 7 * BATCH, autoencoder), loop=ACCUMULATE)
        for name in ("unbroken", "broken")
    )
    assert [step.samples for step in train(unbroken)] == [4, 8, 12, 14]
    list(train(broken, should_stop=lambda: True))
    list(train(broken, resume=True, should_stop=lambda: True))
    assert checkpoints(broken.out)[-1].stem == f"{4 * BATCH:010d}"
    list(train(broken, resume=True))
    whole, parts = state_of(unbroken), state_of(broken)
    assert whole.keys() == parts.keys()
    for key, tensor in whole.items():
        assert torch.equal(tensor, parts[key]), key
    journals = [(settings.out / "journal.jsonl").read_bytes() for settings in (unbroken, broken)]
    assert journals[0] == journals[1]
