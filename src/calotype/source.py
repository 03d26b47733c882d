"""Source: the protocol of collections of pictures, with the settings that open one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field

from calotype.example import Example, Known
from calotype.settings import IDENTITY, Settings


class Source(Protocol):
    """A numbered collection of pictures of one size, with what is known about each."""

    @property
    def key(self) -> str:
        """Identifies the content: equal keys mean equal pictures. Caches are named by it."""
        ...

    @property
    def bits(self) -> int:
        """Bits of each channel that a cache must keep: 8 or 16."""
        ...

    def __len__(self) -> int:
        """The number of pictures."""
        ...

    def examples(self, indices: Sequence[int]) -> list[Example]:
        """The pictures of these indices, with the first of their captions."""
        ...

    def known(self, indices: Sequence[int], variants: Sequence[int]) -> Known:
        """What is known about the pictures of these indices, at least "captions".

        variants: one for each index; it selects one of the captions of a picture.
        """
        ...


class SourceSettings(Settings):
    """The settings of every kind of source; each kind adds its name, ``source``, and its own."""

    size: Annotated[int, IDENTITY] = Field(
        default=128, ge=8, le=2048, description="side of the square pictures, pixels"
    )
    channels: Annotated[int, IDENTITY] = Field(
        default=3,
        ge=1,
        description="channels of the pictures: 3 colour, 1 grey, others in .npy arrays",
    )
    cache: Path | None = Field(
        default=None,
        description="folder where pictures and latents are kept once computed; "
        "none: latents in the run's own folder, pictures in no file",
    )
    workers: int = Field(
        default=0, ge=0, le=64, description="processes that assemble batches ahead"
    )

    @abstractmethod
    def open(self) -> Source:
        """The pictures that these settings name, without their cache."""
