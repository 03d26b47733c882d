"""Noise: every draw is a function of (seed, step, purpose), whatever the batch or the device.

The integers come from Philox4x32-10, a counter-based generator (Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3"). How a draw is addressed, in 32-bit words:

    key      seed low, seed high
    counter  block, step low, crc32(purpose), step high

Block b gives the elements 4b to 4b + 3 of normals (32 bits each), 2b and 2b + 1 of uniforms
(53 bits). Normals are made by Box-Muller in float64 and rounded once to float32: in float32,
libraries differ in the last bit of many of the values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import torch
from torch import Tensor

Seeds = int | Sequence[int] | Tensor

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

_DEPTH = 12  # of the tree of a Brownian motion in each octave of noise levels
_OCTAVES = 1100  # more than there are powers of two below one


def philox(counter: Sequence[Tensor], key: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Four 32-bit random words of Philox4x32-10 for each counter and key.

    counter: four, key: two int64 tensors that broadcast, each of values in [0, 2^32).
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        # int64 products wrap, and a wrapped product still has the right 64 bits.
        left, right = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (right >> 32 & _MASK) ^ c1 ^ k0,
            right & _MASK,
            (left >> 32 & _MASK) ^ c3 ^ k1,
            left & _MASK,
        )
        k0, k1 = k0 + _KEY_STEPS[0] & _MASK, k1 + _KEY_STEPS[1] & _MASK
    return c0, c1, c2, c3


def normal(
    seeds: Seeds,
    step: Seeds,
    purpose: str,
    shape: Sequence[int],
    device: torch.device | str = "cpu",
) -> Tensor:
    """Standard normals (B, *shape) in float32; row k depends on its seed, step and purpose alone.

    seeds, step: one integer for all rows or one a row, each in [-2^63, 2^64); B is the longer.
    A device without float64 gets what the CPU draws.
    """
    source = _with_float64(device)
    size = math.prod(shape)
    words = torch.stack(_words(seeds, step, purpose, -(-size // 4), source), dim=-1)
    # The middle of each of 2^32 equal parts: never 0, where the logarithm ends.
    fractions = (words.to(torch.float64) + 0.5) * 2.0**-32
    radius = (-2 * fractions[..., 0::2].log()).sqrt()
    angle = 2 * math.pi * fractions[..., 1::2]
    pairs = torch.stack((radius * angle.cos(), radius * angle.sin()), dim=-1)
    values = pairs.flatten(1)[:, :size].to(torch.float32)
    return values.reshape(-1, *shape).to(device)


def uniform(
    seeds: Seeds,
    step: Seeds,
    purpose: str,
    shape: Sequence[int] = (),
    device: torch.device | str = "cpu",
) -> Tensor:
    """Uniform numbers (B, *shape) in [0, 1), float64 with 53 bits; rows as in ``normal``.

    A device without float64 is answered on the CPU.
    """
    size = math.prod(shape)
    w0, w1, w2, w3 = _words(seeds, step, purpose, -(-size // 2), _with_float64(device))
    bits = torch.stack(((w0 << 21) | (w1 >> 11), (w2 << 21) | (w3 >> 11)), dim=-1)
    return (bits.flatten(1)[:, :size].to(torch.float64) * 2.0**-53).reshape(-1, *shape)


def integers(
    seeds: Seeds,
    step: Seeds,
    purpose: str,
    low: int,
    high: int,
    shape: Sequence[int] = (),
) -> Tensor:
    """Whole numbers (B, *shape) in [low, high), int64 on the CPU; rows as in ``normal``."""
    return low + (uniform(seeds, step, purpose, shape) * (high - low)).long()


@dataclass(frozen=True)
class Noise:
    """The source of noise of one walk: a sampler asks it by step index, and asks nothing else.

    seeds: (B,) one a picture.
    shape: (C, h, w) of a latent.
    walk: which walk of a request this is, counted from 0; each draws noise of its own.
    """

    seeds: Sequence[int]
    shape: Sequence[int]
    device: torch.device | str = "cpu"
    walk: int = 0

    def start(self) -> Tensor:
        """The unit noise (B, C, h, w) that the walk starts from."""
        return normal(self.seeds, 0, self._purpose("start"), self.shape, self.device)

    def __call__(self, index: int) -> Tensor:
        """The unit noise (B, C, h, w) of step ``index``."""
        return normal(self.seeds, index, self._purpose("step"), self.shape, self.device)

    def between(self, high: float, low: float) -> Tensor:
        """The unit noise (B, C, h, w) of the way from one noise level down to another.

        The change of one Brownian motion in sigma, over the root of its variance: more steps see
        the same motion, in finer pieces (Li et al. 2020, "Scalable gradients for SDEs", section 4).
        """
        weights = _change(high, low)
        size = math.sqrt(sum(weight**2 for weight in weights.values()))
        moved = torch.zeros(len(self.seeds), *self.shape, device=self.device)
        for node, weight in weights.items():
            drawn = normal(self.seeds, node, self._purpose("motion"), self.shape, self.device)
            moved = moved + drawn * (weight / size)
        return moved

    def _purpose(self, name: str) -> str:
        return f"{name} of walk {self.walk}" if self.walk else name


def _change(high: float, low: float) -> dict[int, float]:
    """What the normals of a Brownian motion's tree count in its change between two noise levels.

    Within each octave the motion is Schauder's series (Levy's construction): a straight line to the
    octave's end, and for each finer half a hat over it. Numbers of normals, with their weights.
    """
    found: dict[int, float] = {}
    for octave in range(_octave(low), _octave(high) + 1):
        start = 2.0**octave
        for sign, level in ((1, high), (-1, low)):
            place = min(max((level - start) / start, 0.0), 1.0)
            for node, weight in _series(place):
                key = ((octave + _OCTAVES) << 16) + node
                found[key] = found.get(key, 0.0) + sign * weight * math.sqrt(start)
    return {key: weight for key, weight in found.items() if weight} or {0: 1.0}


def _series(place: float) -> Iterator[tuple[int, float]]:
    """The terms at a place in [0, 1] of a motion on it: numbers in its tree, with weights."""
    yield 0, place
    for depth in range(_DEPTH):
        part = min(int(place * 2**depth), 2**depth - 1)
        across = place * 2**depth - part  # of the hat's support
        yield 2**depth + part, (1 - abs(2 * across - 1)) * 2.0 ** (-depth / 2 - 1)


def _octave(level: float) -> int:
    """The power of two at or below a noise level."""
    return math.frexp(level)[1] - 1


def _words(
    seeds: Seeds, step: Seeds, purpose: str, blocks: int, device: torch.device
) -> tuple[Tensor, ...]:
    """Four (B, blocks) tensors of 32-bit words, as the head of this file addresses them."""
    rows = torch.broadcast_tensors(_column(seeds, device), _column(step, device))
    (seed_low, seed_high), (step_low, step_high) = ((r & _MASK, r >> 32 & _MASK) for r in rows)
    block = torch.arange(blocks, device=device)[None]
    name = torch.full_like(block, crc32(purpose.encode()))
    return philox((block, step_low, name, step_high), (seed_low, seed_high))


def _column(numbers: Seeds, device: torch.device) -> Tensor:
    """One or more integers as an int64 (B, 1); those above 2^63 by their bits."""
    if isinstance(numbers, int):
        numbers = [numbers]
    if not isinstance(numbers, Tensor):
        numbers = torch.tensor([(n + 2**63) % 2**64 - 2**63 for n in numbers], dtype=torch.int64)
    assert numbers.dtype == torch.int64, numbers.dtype
    return numbers.to(device).reshape(-1, 1)


def _with_float64(device: torch.device | str) -> torch.device:
    """The device itself, or the CPU where it has no float64."""
    device = torch.device(device)
    return torch.device("cpu") if device.type == "mps" else device
