"""The order of a run's samples is a function of seed and position, and every epoch shows all."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.data import batches
from calotype.example import Batch


def numbered(indices, variants, positions: torch.Tensor) -> Batch:
    captions = tuple(f"{i}/{v}" for i, v in zip(indices, variants, strict=True))
    return Batch(positions, {"captions": captions})


def walk(count: int, batch_size: int, start: int, stop: int, seed: int, workers: int = 0):
    found = batches(
        numbered,
        count,
        batch_size=batch_size,
        start=start,
        stop=stop,
        seed=seed,
        workers=workers,
    )
    return [
        (int(position), caption)
        for batch in found
        for position, caption in zip(batch.positions, batch.known["captions"], strict=True)
    ]


@given(
    st.integers(1, 20), st.integers(1, 7), st.integers(0, 30), st.integers(1, 30), st.integers(0, 9)
)
def test_a_resumed_walk_is_the_rest_of_the_whole_one(count, batch_size, half, more, seed):
    start, stop = half, half + more
    whole = walk(count, batch_size, 0, stop, seed)
    assert walk(count, 1, start, stop, seed) == whole[start:]
    assert [position for position, _ in whole] == list(range(stop))


@given(st.integers(1, 20), st.integers(0, 9))
def test_each_epoch_shows_every_picture_once_with_captions_of_its_own(count, seed):
    for epoch in range(3):
        shown = walk(count, 4, epoch * count, (epoch + 1) * count, seed)
        expected = sorted(f"{index}/{epoch}" for index in range(count))
        assert sorted(caption for _, caption in shown) == expected


def test_workers_change_nothing():
    assert walk(11, 3, 5, 40, 1, workers=2) == walk(11, 3, 5, 40, 1)


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    walk(11, 3, 0, 20, 1)
    assert torch.equal(before, torch.get_rng_state())
