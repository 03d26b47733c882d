"""Source: what every collection of captioned pictures offers, rendered, on disk or cached."""

from collections.abc import Sequence
from typing import Protocol

from calotype.example import Example


class Source(Protocol):
    """A numbered collection of captioned pictures of one size."""

    @property
    def key(self) -> str:
        """Names the content; equal keys mean equal pictures, so caches go by it."""
        ...

    @property
    def bits(self) -> int:
        """How many bits of each channel are worth keeping: 8 or 16."""
        ...

    def __len__(self) -> int:
        """How many pictures there are."""
        ...

    def examples(self, indices: Sequence[int]) -> list[Example]:
        """The pictures of these numbers, with the first of their captions."""
        ...

    def captions(self, indices: Sequence[int], variants: Sequence[int]) -> list[str]:
        """A caption for each number; ``variants`` picks one of the ways a picture is worded."""
        ...
