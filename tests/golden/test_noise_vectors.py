"""Pinned numbers of the noise: what a seed means must never change."""

import pytest
import torch

from calotype.diffusion import integers, normal, uniform
from calotype.diffusion.noise import philox

F = 0xFFFFFFFF


# Known answers of philox4x32-10, published with the Random123 library (Salmon et al. 2011).
@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((F, F, F, F), (F, F), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox(counter: tuple[int, ...], key: tuple[int, ...], answer: tuple[int, ...]) -> None:
    words = philox([torch.tensor([c]) for c in counter], [torch.tensor([k]) for k in key])
    assert tuple(int(word) for word in words) == answer


# Our own vectors: made by another implementation, in plain Python integers and the C library's
# mathematics, from the description at the head of diffusion/noise.py. To change any of them is to
# change every picture of every seed.
NORMALS: dict[tuple[int, int, str], list[float]] = {
    (0, 0, "start"): [
        0.5246345400810242,
        0.5153712630271912,
        -0.10962409526109695,
        0.4592597484588623,
        1.9881051778793335,
        0.470740407705307,
    ],
    (0, 1, "step"): [
        0.4808501601219177,
        0.6756109595298767,
        -1.000335693359375,
        1.459389328956604,
        -0.8404385447502136,
        0.46083199977874756,
    ],
    (1099511627783, 3, "step"): [
        -0.6473698616027832,
        1.49031662940979,
        -2.052589178085327,
        0.12389957904815674,
        0.6165539622306824,
        -0.26156723499298096,
    ],
    (18446744073709551615, 8589934593, "start"): [
        0.034453678876161575,
        -1.710924506187439,
        -1.6120721101760864,
        0.06183736398816109,
        0.5725643038749695,
        0.6076726317405701,
    ],
}
UNIFORMS = [0.28740278301710065, 0.7517396247272435, 0.4122600253364592]


def test_normals() -> None:
    for (seed, step, purpose), values in NORMALS.items():
        assert normal(seed, step, purpose, (len(values),))[0].tolist() == values


def test_uniforms_and_integers() -> None:
    assert uniform(1, 2, "t", (3,))[0].tolist() == UNIFORMS
    assert integers(1, 2, "t", 0, 1000, (3,))[0].tolist() == [int(u * 1000) for u in UNIFORMS]
